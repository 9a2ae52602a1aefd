/** `incache export`: the file that it writes is the library's, and what it says and refuses. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { exportModel } from '../../src/export/modelFile.js';
import { Pipeline } from '../../src/pipeline/pipeline.js';
import { SafetensorsFile } from '../../src/weights/safetensors.js';
import { writeTinyModel } from '../support/tinyModel.js';
import { testRefusals } from './refused.js';
import { incache, Workplace } from './run.js';

const inputs = new Workplace();
after(() => inputs[Symbol.dispose]());
const tiny = writeTinyModel(inputs.path('tiny.safetensors'));
const plain = writeTinyModel(inputs.path('plain.safetensors'), { config: { learnSigma: false } });

async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await incache(args, inputs.folder);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout;
}

describe('what is written', { concurrency: 2 }, () => {
  before(() =>
    succeed('calibrate', '--model', tiny, '--method', 'svd', '--rank', '4', '--out', 'f.safetensors'),
  );

  test('is what the library writes for the same options', async () => {
    const sampling = ['--steps', '6', '--sampler', 'ddpm', '--variance', 'fixed-large'];
    const guidance = ['--guidance-scale', '2', '--guidance-channels', '1', '--activations', 'bf16'];
    const cache = [
      '--policy',
      'calibrated',
      '--period',
      '3',
      '--factors',
      'f.safetensors',
      '--cache-form',
      'rank',
    ];
    const flags = ['--model', tiny, '--images', '4', ...sampling, ...guidance, ...cache];
    await succeed('export', '--out', 'cli.incache', ...flags);
    await using pipeline = await Pipeline.load(tiny, { backend: 'reference' });
    const factors = FactorSet.load(inputs.path('f.safetensors'));
    await exportModel(pipeline, inputs.path('library.incache'), {
      images: 4,
      steps: 6,
      sampler: 'ddpm',
      variance: 'fixed-large',
      guidanceScale: 2,
      guidanceChannels: 1,
      activations: 'bf16',
      cache: { policy: 'calibrated', period: 3, factors, form: 'rank' },
    });
    const [ours, expected] = ['cli', 'library'].map((name) => readFileSync(inputs.path(`${name}.incache`)));
    assert.ok(ours!.equals(expected!), 'the bytes differ');
  });

  test('of the embedded model, a line for people or one of JSON', async () => {
    const text = await succeed('export', '--out', 'digits.incache');
    assert.match(text, /^digits\.incache: full ddim-50, images in a batch: 1, plans: 1, [\d.]+ MiB\n$/);
    const report = JSON.parse(
      await succeed('export', '--out', 'digits.incache', '--policy', 'reuse', '--json'),
    );
    const { bytes, ...rest } = report;
    assert.equal(bytes, readFileSync(inputs.path('digits.incache')).length);
    assert.deepEqual(rest, {
      out: 'digits.incache',
      name: 'reuse p=2 ddim-50',
      images: 1,
      steps: 50,
      plans: 2,
    });
    using file = SafetensorsFile.open(inputs.path('digits.incache'));
    assert.equal(JSON.parse(file.metadata.incache!).plans.length, 2);
  });
});

const VALUES: readonly (readonly [option: string, value: string, says: string])[] = [
  ['images', '0', 'images is 0; expected an integer from 1 to 65536'],
  ['steps', '1001', 'steps is 1001; expected an integer from 1 to 1000'],
  ['sampler', 'heun', "sampler is 'heun'; expected one of ddim, ddpm, dpm++2m, euler"],
  ['variance', 'none', "variance is 'none'; expected one of learned, fixed-large"],
  ['activations', 'f64', "activations is 'f64'; expected one of f32, bf16, f16"],
  ['policy', 'calibrated', 'factors is missing; expected a file made by incache calibrate'],
  [
    'period',
    '2',
    "policy is 'none'; expected reuse, calibrated, taylorseer, fitted or pab, since --period is given",
  ],
  ['model', 'none.safetensors', 'cannot read none.safetensors'],
  ['heads', '5', 'heads is 5; expected a divisor of the hidden size 32'],
  ['out', 'nowhere/x.incache', "out is 'nowhere/x.incache'; expected a name in a folder that exists"],
  ['threads', '2', "unknown option '--threads'"],
];

describe('values', { concurrency: 2 }, () =>
  testRefusals(
    VALUES.map(([option, value, says]) => ({
      name: `--${option} '${value}'`,
      args: ['export', '--model', tiny, '--out', 'x.incache', `--${option}`, value],
      says: [says],
    })),
  ),
);

describe('combinations', { concurrency: 2 }, () =>
  testRefusals([
    {
      name: 'no name for the file',
      args: ['export', '--model', tiny],
      says: ["'-o, --out <file>' not specified"],
    },
    {
      name: 'a policy that decides while it runs',
      args: ['export', '--model', tiny, '--out', 'x.incache', '--policy', 'teacache', '--threshold', '0.1'],
      says: [
        "policy is 'teacache'; expected one that decides before the first step, as a model file needs: none, reuse",
      ],
    },
    {
      name: 'learned variance of a model without one',
      args: ['export', '--model', plain, '--out', 'x.incache', '--sampler', 'ddpm', '--variance', 'learned'],
      says: ["variance is 'learned'", 'fixed-large'],
    },
  ]),
);
