/** The embedded model's trajectories against the authors' code on the same weights, noise and sensitivities. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FactorMethod } from '../../src/calibrate/index.js';
import { meanPsnr } from '../../src/evaluate/index.js';
import { type CacheOptions, EMBEDDED_MODEL, FactorSet, Pipeline } from '../../src/index.js';
import { SafetensorsFile } from '../../src/weights/index.js';
import { assertClose } from '../support/compare.js';
import { goldenFactors } from '../support/goldenFactors.js';

const TOLERANCE = 1e-3;
/** Images compared: few, since the whole 100 take long. */
const IMAGES = 10;

const data = (file: string) => fileURLToPath(new URL(`../../../test/data/digits/${file}`, import.meta.url));
const quality = JSON.parse(readFileSync(data('authors-quality.json'), 'utf8'));

describe('embedded model, DDIM-50, guidance 1.5, on wasm', () => {
  const samples = SafetensorsFile.open(data('authors-samples.safetensors'));
  const sensitivity = SafetensorsFile.open(data('authors-sensitivity.safetensors'));
  const size = samples
    .entry('z')
    .shape.slice(1)
    .reduce((a, b) => a * b, 1);
  const first = (name: string) => samples.read(name).slice(0, IMAGES * size);
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await Pipeline.load(EMBEDDED_MODEL, { backend: 'wasm' });
  });
  after(() => pipeline.dispose());

  const run = async (cache: CacheOptions) => {
    const labels = samples.readIntegers('labels').slice(0, IMAGES);
    return pipeline.generate({ labels, noise: first('z'), guidanceScale: quality.guidance, cache });
  };
  const factors = (method: FactorMethod, rank: number) => {
    const { checkpoint } = pipeline;
    const tensors = goldenFactors(checkpoint, sensitivity, method, rank);
    const layers = new Map(
      [...tensors.keys()]
        .filter((name) => name.endsWith('.up'))
        .map((name) => {
          const layer = name.slice('factors.'.length, -'.up'.length);
          const [up, down] = [tensors.get(name)!, tensors.get(`factors.${layer}.down`)!];
          return [layer, { rank, up, down, rows: up.length / rank, columns: down.length / rank }];
        }),
    );
    const info = {
      method,
      modelHash: checkpoint.hash,
      source: 'authors',
      seed: 0,
      images: 256,
      sampler: 'ddim',
      steps: 50,
      createdBy: 'test',
    };
    return new FactorSet(info, layers);
  };

  for (const name of samples.tensors.keys()) {
    if (name === 'z' || name === 'labels') continue;
    test(name, async () => {
      const [, method, rank, period] = /^(\w+?)(?:_r(\d+))?(?:_p(\d+))?$/.exec(name) ?? [];
      const cache: CacheOptions =
        name === 'full'
          ? {}
          : method === 'reuse'
            ? { policy: 'reuse', period: Number(period) }
            : {
                policy: 'calibrated',
                period: Number(period),
                factors: factors(method as FactorMethod, Number(rank)),
              };
      const { latents } = await run(cache);
      assertClose(latents, first(name), TOLERANCE, name);
    });
  }

  test('calibration is nearer to the full run than reuse, which is nearer than nothing', async () => {
    const reuse = meanPsnr(first('reuse_p2'), first('full'), IMAGES);
    const calibrated = meanPsnr(
      (await run({ policy: 'calibrated', period: 2, factors: factors('cd', 32) })).latents,
      first('full'),
      IMAGES,
    );
    assert.ok(calibrated > reuse + 2, `calibrated ${calibrated} dB, reuse ${reuse} dB`);
  });
});
