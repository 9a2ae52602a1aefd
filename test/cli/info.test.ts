/** `incache info`, and the help of every command. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { probeBackends } from '../../src/backend/choose.js';
import { TINY, writeTinyModel } from '../support/tinyModel.js';
import { incache, Workplace } from './run.js';

const place = new Workplace();
after(() => place[Symbol.dispose]());
const CHECKPOINTS = new URL('../../../test/golden/checkpoints', import.meta.url).pathname;
const DIFFUSERS = `${CHECKPOINTS}/diffusers-dit`;
const tiny = writeTinyModel(place.path('tiny.safetensors'));

async function say(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await incache(args, place.folder);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

describe('info', { concurrency: 2 }, () => {
  test('without arguments lists the backends', async () => {
    const stdout = await say('info');
    assert.match(stdout, /^wasm +yes +WebAssembly/m);
    assert.match(stdout, /^reference +yes +/m);
    assert.deepEqual(JSON.parse(await say('info', '--json')), await probeBackends());
  });

  test('of a model says its configuration, costs and memory', async () => {
    const stdout = await say('info', tiny, '--rank', '8');
    for (const line of [
      /^blocks +2, of width 32, 2 heads, MLP of 64$/m,
      /^MACs over uncached +0\.\d+$/m,
      /^cache +[\d.]+ KiB$/m,
      /^step\.0\.store +\d+/m,
    ])
      assert.match(stdout, line);
    assert.ok(stdout.split('\n').length <= 25, stdout);
    assert.match(await say('info', '--model', tiny, '--costs'), /^blocks\.1\.fc2 +/m);
    const json = await say('info', '--model', tiny, '--rank', '8', '--json');
    assert.match(json, /^\{.*\}\n$/);
    const { config, weightBytes, memory, macs, macRatio, plans } = JSON.parse(json);
    assert.ok(macRatio > 0 && macRatio < 1, `${macRatio}`);
    assert.deepEqual(config, { ...TINY, guidanceChannels: TINY.inChannels });
    assert.ok(weightBytes > 0 && memory.cache > 0 && macs > 0);
    const names = plans.map(({ name }: { name: string }) => name);
    assert.deepEqual(names, ['conditioning', 'step.0.store', 'step.1.calibrate']);
  });

  test('of a model says whose it is and which parts are there or missing', async () => {
    const alone = await say('info', tiny);
    assert.match(alone, /^checkpoint +dit, names of meta; 32 F32$/m);
    assert.match(alone, /^draws +pictures, 1 x 8 x 8$/m);
    assert.match(
      alone,
      /^parts missing +scheduler \(Meta's DDIM; else --sampler\), id2label \(labels are numbers\)$/m,
    );
    assert.ok(!alone.includes('parts found'), alone);
    const whole = await say('info', `${DIFFUSERS}/current`);
    assert.match(whole, /^checkpoint +dit, names of diffusers; \d+ F32$/m);
    assert.match(whole, /^draws +pictures, 3 x 16 x 16$/m);
    assert.match(whole, /^parts found +scheduler \(DDIMScheduler\), vae, id2label \(13 names\)$/m);
    assert.ok(!whole.includes('parts missing'), whole);
    assert.ok(whole.split('\n').length <= 25, whole);
    const latents = JSON.parse(await say('info', `${DIFFUSERS}/fp16`, '--json'));
    assert.deepEqual([latents.layout, latents.types], ['diffusers', '1 F32, 31 F16']);
    assert.equal(latents.draws, 'latents, 4 x 8 x 8');
    assert.deepEqual(latents.missing[0], 'vae (name one with --vae)');
  });

  test('of an autoencoder says its sizes, whether it encodes, and what decoding takes', async () => {
    const stdout = await say('info', `${DIFFUSERS}/current/vae`);
    for (const line of [
      /^file +names of diffusers; \d+ F32$/m,
      /^latents +4 channels, scaling factor 0\.18215$/m,
      /^levels +2, of 8, 16 channels; norms of 4 groups$/m,
      /^encoder +present$/m,
      /^parameters +0\.04 M, in float32 [\d.]+ KiB$/m,
      /^to decode 256 x 256 +[\d.]+ MiB beside the weights, [\d.]+ GMAC$/m,
      /^to decode 512 x 512 +/m,
    ])
      assert.match(stdout, line);
    const report = JSON.parse(
      await say('info', '--model', `${CHECKPOINTS}/vae/sd-ckpt/model.ckpt`, '--json'),
    );
    assert.deepEqual([report.family, report.layout, report.hasEncoder], ['autoencoder', 'CompVis', true]);
  });

  test('two models at once are refused', async () => {
    const { code, stderr } = await incache(['info', tiny, '--size', 'DiT-XL/2'], place.folder);
    assert.equal(code, 2);
    assert.match(
      stderr,
      /^incache: model is .*; expected one model: as an argument, with --model, or with --size\n$/,
    );
  });

  test('of DiT-XL/2 agrees with the paper', async () => {
    const { config, weightBytes, plans } = JSON.parse(
      await say('info', '--size', 'DiT-XL/2', '--policy', 'none', '--json'),
    );
    assert.deepEqual([config.depth, config.hiddenSize, config.heads], [28, 1152, 16]);
    // Peebles and Xie, table 4: 675 M parameters and 118.6 GMAC a forward, here for two sequences.
    assert.ok(Math.abs(weightBytes / 4e6 - 675) < 1, `${weightBytes / 4e6} M parameters`);
    const macs = plans[1].macs / 2e9;
    assert.ok(Math.abs(macs - 118.6) < 1, `${macs} GMAC`);
  });

  test('--plan prints the operations, with --json as JSON', async () => {
    const args = ['info', '--model', tiny, '--policy', 'reuse', '--plan'];
    const stdout = await say(...args);
    assert.match(stdout, /^plan conditioning$/m);
    assert.match(stdout, /^plan step\.1\.reuse$/m);
    assert.match(stdout, /^ {2}# blocks\.1\.fc2$/m);
    const plans = JSON.parse(await say(...args, '--json'));
    assert.equal(plans.length, 3);
    assert.ok(plans.every(({ ops }: { ops: unknown[] }) => ops.length > 0));
  });
});

describe('help', { concurrency: 2 }, () => {
  test('of the program, and its version', async () => {
    assert.match(await say('--help'), /^Usage: incache /);
    assert.match(await say('help'), /^Usage: incache /);
    assert.match(await say('--version'), /^\d+\.\d+\.\d+\n$/);
  });

  for (const command of ['sample', 'calibrate', 'convert', 'info', 'demo'])
    test(`of ${command}`, async () => {
      const stdout = await say(command, '--help');
      assert.match(
        stdout,
        new RegExp(`^Usage: incache ${command} \\[options\\](?: [<[](?:model|merge)[>\\]])?\\n\\n[A-Z]`),
      );
      assert.doesNotMatch(stdout, /\/dit-digits|default: \{\}|undefined/, 'no paths of this machine');
      assert.equal(await say('help', command), stdout);
    });
});
