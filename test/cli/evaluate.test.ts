/** `incache evaluate`: what it prints and writes, and that a run which was killed goes on. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { dataFile } from '../evaluate/data.js';
import { readNpz } from '../support/npz.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { testRefusals } from './refused.js';
import { ended, incache, start, until, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));
const latent = writeTinyModel(inputs.path('latent.safetensors'), { config: { inChannels: 4 } });

const onTiny = (...args: string[]) => [
  'evaluate',
  '--model',
  tiny,
  '--steps',
  '4',
  '--policy',
  'reuse',
  ...args,
];

async function succeed(place: Workplace, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await incache(args, place.folder);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

describe('evaluate', { concurrency: 2 }, () => {
  test('the embedded model: quality by the digits classifier, and costs', async () => {
    using place = new Workplace();
    const args = [
      'evaluate',
      '--images',
      '65',
      '--steps',
      '1',
      '--policy',
      'reuse',
      '--statistics',
      'own.npz',
    ];
    const stdout = await succeed(place, args);
    for (const words of [
      /^65 images, reuse/,
      /accuracy +0\./,
      /inception score +\d/,
      /digits Frechet distance +\d/,
      /MACs an image +[\d.]+ GMAC/,
    ])
      assert.match(stdout, words);
    assert.doesNotMatch(stdout, /FID/);
    // Against themselves nothing is left.
    const report = JSON.parse(await succeed(place, [...args.slice(0, 7), '--against', 'own.npz', '--json']));
    assert.ok(report.frechet < 1e-6, String(report.frechet));
    assert.equal(report.frechetName, 'digits Frechet distance');
    assert.deepEqual(readNpz(place.path('own.npz')).get('sigma')!.shape, [64, 64]);
    assert.deepEqual(place.files, ['own.npz']);
  });

  test('too few images for a distance that nobody asked for are no error', async () => {
    using place = new Workplace();
    const stdout = await succeed(place, ['evaluate', '--images', '2', '--steps', '1', '--compare']);
    assert.match(stdout, /SSIM to uncached +1\.00000/);
    assert.match(stdout, /digits Frechet distance +needs 65 images/);
    assert.match(stdout, /PSNR to uncached +every image is identical/);
    assert.match(stdout, /beside uncached +[\d.]+ of the time, 1\.00 of the MACs\n/);
  });

  test('killed and resumed: the same report and the same images', async () => {
    using place = new Workplace();
    const args = (name: string, ...more: string[]) =>
      onTiny('--images', '500', '--compare', '--npz', `${name}.npz`, '--json', ...more);
    const child = start(args('kept', '--resume', 'run'), place.folder);
    const killed = ended(child);
    await until(() => existsSync(place.path('run/state.safetensors')), child);
    child.kill('SIGKILL');
    assert.equal((await killed).code, null, 'the run was over before it was killed');
    assert.ok(!existsSync(place.path('kept.npz')));
    const untimed = (json: string) => ({
      ...JSON.parse(json),
      millisecondsPerImage: 0,
      uncachedMillisecondsPerImage: 0,
    });
    const resumed = untimed(await succeed(place, args('kept', '--resume', 'run')));
    assert.deepEqual(resumed, untimed(await succeed(place, args('whole'))));
    assert.deepEqual(readFileSync(place.path('kept.npz')), readFileSync(place.path('whole.npz')));
    assert.deepEqual(place.files, ['kept.npz', 'run', 'whole.npz']);
  });

  test('Ctrl-C leaves a run that can be resumed, and nothing else', async () => {
    using place = new Workplace();
    const args = onTiny('--images', '100000', '--npz', 'images.npz', '--resume', 'run');
    const child = start(args, place.folder);
    const result = ended(child);
    await until(() => existsSync(place.path('run/images.bytes')), child);
    child.kill('SIGINT');
    const { code, stdout, stderr } = await result;
    assert.deepEqual([code, stdout, stderr], [130, '', 'incache: interrupted\n']);
    assert.deepEqual(place.files, ['run']);
  });
});

describe('refusals', { concurrency: 2 }, () =>
  testRefusals([
    {
      name: 'statistics of another dimension',
      args: ['evaluate', '--against', dataFile('numpy-statistics.npz')],
      says: ['reference statistics is', 'of 5 features', 'expected 64'],
    },
    {
      name: 'too few images for a covariance',
      args: ['evaluate', '--images', '64', '--against', dataFile('numpy-statistics.npz')],
      says: ['images is 64; expected at least 65 for a covariance of 64 features'],
    },
    {
      name: 'the digits classifier for another model',
      args: onTiny('--features', 'digits'),
      says: ["pictures is '1 x 8 x 8'; expected 1 x 32 x 32"],
    },
    {
      name: 'an unknown feature model',
      args: onTiny('--features', 'vgg'),
      says: ["features is 'vgg'; expected digits"],
    },
    { name: 'a distance without features', args: onTiny('--against', 'x.npz'), says: ["features is 'none'"] },
    {
      name: 'precision without images',
      args: onTiny('--precision-recall'),
      says: ['against is missing; expected reference images'],
    },
    {
      name: 'options of an .onnx file that is not there',
      args: onTiny('--feature-range', '0,1'),
      says: ['features is missing; expected an .onnx file'],
    },
    { name: 'a range of one number', args: onTiny('--feature-range', '1'), says: ["feature-range is '1'"] },
    {
      name: 'outputs without names',
      args: onTiny('--feature-outputs', 'pool'),
      says: ["feature-outputs is 'pool'"],
    },
    {
      name: 'images of latents',
      args: ['evaluate', '--model', latent, '--npz', 'x.npz'],
      says: ['npz is', 'decoder'],
    },
  ]),
);
