/** Shards of an evaluation, merged: the report of one machine to the last bit, whatever their number. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FeatureExtractor } from '../../src/evaluate/features/featureExtractor.js';
import { measureReference } from '../../src/evaluate/metrics/reference.js';
import {
  type EvaluateOptions,
  type EvaluationReport,
  evaluateModel,
} from '../../src/evaluate/runs/evaluateModel.js';
import { shardRange } from '../../src/evaluate/runs/shardFolders.js';
import { evaluateShard, mergeShards } from '../../src/evaluate/runs/shards.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { Random } from '../support/random.js';

const PIXELS = 64;

/** Means of the quarters of a picture of 8 x 8, as features, maps and (three of them) logits. */
const quarters: FeatureExtractor = {
  name: 'quarters',
  fingerprint: 'quarters',
  features: 4,
  spatialFeatures: 4,
  classes: 3,
  requireSize: () => {},
  dispose: async () => {},
  extract: async ({ data, shape: [images] }) => {
    const features = Float32Array.from({ length: images * 4 }, (_, i) => {
      const first = (i >> 2) * PIXELS + (i & 3) * 16;
      return data.subarray(first, first + 16).reduce((a, b) => a + b, 0);
    });
    return { features, spatial: features, logits: features.filter((_, i) => (i & 3) < 3) };
  },
};

const IMAGES = 61;
const OPTIONS: EvaluateOptions = {
  ...{ images: IMAGES, steps: 3, batch: 4, seed: 5, compare: true, extractor: quarters },
  cache: { policy: 'reuse', period: 3 },
};

/** Times differ from run to run. */
function untimed({ millisecondsPerImage, uncachedMillisecondsPerImage, ...report }: EvaluationReport) {
  assert.ok(millisecondsPerImage > 0);
  assert.equal(uncachedMillisecondsPerImage === undefined, report.uncachedMacsPerImage === undefined);
  return report;
}

describe('shards', () => {
  const pipeline = sharedPipeline('wasm');
  const folder = temporaryFolder();
  const reference = () =>
    measureReference({ data: new Random(1).normals(30 * PIXELS), shape: [30, 1, 8, 8] }, quarters);

  const RUNS: Record<string, Partial<EvaluateOptions>> = {
    'with a comparison, precision and recall': { precisionRecall: true },
    'whose policy decides while it runs': { cache: { policy: 'teacache', threshold: 0.3 }, compare: false },
    'without features': { extractor: undefined as never },
  };
  for (const [name, changes] of Object.entries(RUNS))
    for (const of of [1, 2, 7, 50])
      test(`${of} of a run ${name}`, async () => {
        const own = { ...OPTIONS, ...changes };
        if (own.extractor === undefined) delete (own as { extractor?: unknown }).extractor;
        const run = { ...own, ...(own.extractor && { reference: await reference() }) };
        const whole = await evaluateModel(pipeline(), run);
        const sharded = { ...run, folder: join(folder, `${name}-${of}`) };
        // In any order, as machines come and go.
        for (let index = of - 1; index >= 0; index--) await evaluateShard(pipeline(), sharded, { index, of });
        assert.deepEqual(untimed(await mergeShards(pipeline(), sharded)), untimed(whole));
        assert.equal(whole.frechet === undefined, run.extractor === undefined);
      });

  test('a shard that was killed goes on, and one that is not at its end is not merged', async () => {
    const sharded = { ...OPTIONS, folder: join(folder, 'killed') };
    const stop = new AbortController();
    let steps = 0;
    const killed = evaluateShard(
      pipeline(),
      { ...sharded, signal: stop.signal, onStep: () => ++steps === 40 && stop.abort() },
      { index: 0, of: 2 },
    );
    await assert.rejects(killed, { name: 'AbortError' });
    await assert.rejects(mergeShards(pipeline(), sharded), /shard-0-of-2 has \d+ of its 32 images/);
    await evaluateShard(pipeline(), sharded, { index: 0, of: 2 });
    await assert.rejects(mergeShards(pipeline(), sharded), /has no shard-1-of-2: that part is not done yet/);
    await evaluateShard(pipeline(), sharded, { index: 1, of: 2 });
    const { extractor: _, ...plain } = sharded;
    await assert.rejects(mergeShards(pipeline(), plain), /features is "quarters", not "none"/);
    await assert.rejects(mergeShards(pipeline(), { ...sharded, seed: 6 }), /seed is 5, not 6/);
    await assert.rejects(mergeShards(pipeline(), { ...sharded, batch: 8 }), /batch is 4, not 8/);
    const { folder: __, ...alone } = sharded;
    assert.deepEqual(
      untimed(await mergeShards(pipeline(), sharded)),
      untimed(await evaluateModel(pipeline(), alone)),
    );
    await evaluateShard(pipeline(), sharded, { index: 0, of: 3 });
    await assert.rejects(mergeShards(pipeline(), sharded), /in 2 and in 3 parts|in 3 and in 2 parts/);
    rmSync(sharded.folder, { recursive: true });
    await assert.rejects(mergeShards(pipeline(), sharded), /holds no shards/);
  });

  test('are refused where they are none', async () => {
    const sharded = { ...OPTIONS, folder: join(folder, 'refused') };
    await assert.rejects(evaluateShard(pipeline(), sharded, { index: 2, of: 2 }), /shard\.index is 2/);
    await assert.rejects(evaluateShard(pipeline(), OPTIONS, { index: 0, of: 2 }), /folder is missing/);
    await assert.rejects(evaluateShard(pipeline(), { ...sharded, npz: 'a.npz' }, { index: 0, of: 2 }), /npz/);
  });

  test('are whole batches that cover all images once', () => {
    for (const [images, batch] of [
      [61, 4],
      [50_000, 16],
      [3, 16],
      [1, 1],
    ] as const)
      for (const of of [1, 2, 7, 50]) {
        let next = 0;
        for (let index = 0; index < of; index++) {
          const { first, count } = shardRange({ index, of }, images, batch);
          assert.equal(first, next);
          assert.ok(first % batch === 0 || count === 0);
          next += count;
        }
        assert.equal(next, images);
      }
  });
});
