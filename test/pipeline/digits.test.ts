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
/** Images compared, of one class each: all ten without a cache, fewer with each, since the whole 100 take long. */
const IMAGES = 10;
const CACHED_IMAGES = 4;

const data = (file: string) => fileURLToPath(new URL(`../../../test/data/digits/${file}`, import.meta.url));
const quality = JSON.parse(readFileSync(data('authors-quality.json'), 'utf8'));

describe('embedded model, DDIM-50, guidance 1.5, on wasm', () => {
  const samples = SafetensorsFile.open(data('authors-samples.safetensors'));
  const sensitivity = SafetensorsFile.open(data('authors-sensitivity.safetensors'));
  const size = samples
    .entry('z')
    .shape.slice(1)
    .reduce((a, b) => a * b, 1);
  const first = (name: string, images: number) => samples.read(name).slice(0, images * size);
  let pipeline: Pipeline;
  before(async () => {
    pipeline = await Pipeline.load(EMBEDDED_MODEL, { backend: 'wasm', threads: 1 });
  });
  after(() => pipeline.dispose());

  const run = async (cache: CacheOptions, images = CACHED_IMAGES) => {
    const labels = samples.readIntegers('labels').slice(0, images);
    return pipeline.generate({ labels, noise: first('z', images), guidanceScale: quality.guidance, cache });
  };
  const made = new Map<string, FactorSet>();
  const factors = (method: FactorMethod, rank: number) => {
    const key = `${method} ${rank}`;
    const set = made.get(key) ?? makeFactors(method, rank);
    made.set(key, set);
    return set;
  };
  const makeFactors = (method: FactorMethod, rank: number) => {
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
      const images = name === 'full' ? IMAGES : CACHED_IMAGES;
      const { latents } = await run(cache, images);
      assertClose(latents, first(name, images), TOLERANCE, name);
    });
  }

  test('calibration is nearer to the full run than reuse, which is nearer than nothing', async () => {
    const full = first('full', CACHED_IMAGES);
    const reuse = meanPsnr(first('reuse_p2', CACHED_IMAGES), full, CACHED_IMAGES);
    const { latents } = await run({ policy: 'calibrated', period: 2, factors: factors('cd', 32) });
    const calibrated = meanPsnr(latents, full, CACHED_IMAGES);
    assert.ok(calibrated > reuse + 2, `calibrated ${calibrated} dB, reuse ${reuse} dB`);
  });
});
