/** Shards of a calibration, merged: the factors of one machine to the last bit, whatever their number. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { FactorSet } from '../../src/cache/data/factorSet.js';
import { type CalibrateOptions, calibrate } from '../../src/calibrate/calibrate.js';
import { trajectorySource } from '../../src/calibrate/sources.js';
import {
  type CalibrateShardOptions,
  calibrateShard,
  MergedCalibration,
} from '../../src/evaluate/runs/calibrationShards.js';
import { measureLayers } from '../../src/evaluate/runs/measureLayers.js';
import { shardRange } from '../../src/evaluate/runs/shardFolders.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY_NETWORK } from '../support/tinyModel.js';

const SOURCE = trajectorySource(TINY_NETWORK, { count: 10, batch: 2, steps: 3, seed: 4 });
const LAYER_ERRORS = { steps: 3, images: 2 };
const RANK = 3;

function layersOf({ layers }: FactorSet) {
  return [...layers].map(([name, { up, down }]) => [name, [...up], [...down]]);
}

describe('calibration in shards', () => {
  const pipeline = sharedPipeline('wasm');
  const folder = temporaryFolder();

  const shardsOf = async (options: CalibrateShardOptions, of: number) => {
    // In any order, as machines come and go.
    for (let index = of - 1; index >= 0; index--)
      assert.deepEqual(
        await calibrateShard(pipeline(), options, { index, of }),
        shardRange({ index, of }, SOURCE.batches),
      );
  };
  const merge = async (options: CalibrateShardOptions, more: Partial<CalibrateOptions> = {}) => {
    using store = await MergedCalibration.open(pipeline(), options, SOURCE.batches);
    const unmeasured: typeof SOURCE = {
      ...SOURCE,
      run: () => assert.fail('a batch was measured'),
    };
    const rank = options.layerErrors
      ? { spread: RANK, errors: await measureLayers(pipeline(), { ...options.layerErrors, store }) }
      : RANK;
    return calibrate(pipeline(), { method: options.method, rank, source: unmeasured, store, ...more });
  };

  for (const of of [1, 2, 7, 50]) {
    for (const method of of === 7 ? (['ca', 'cd', 'whitened'] as const) : (['whitened'] as const))
      test(`${of} of method ${method}`, async () => {
        const options = { folder: join(folder, `${method}-${of}`), key: { method }, method, source: SOURCE };
        await shardsOf(options, of);
        const whole = await calibrate(pipeline(), { method, rank: RANK, source: SOURCE });
        const merged = await merge(options);
        assert.deepEqual(merged.info, whole.info);
        assert.deepEqual(layersOf(merged), layersOf(whole));
      });

    test(`${of} with ranks that are spread`, async () => {
      const method = 'whitened';
      const options = { folder: join(folder, `spread-${of}`), key: {}, method, source: SOURCE } as const;
      const spread = { ...options, layerErrors: LAYER_ERRORS };
      await shardsOf(spread, of);
      const errors = await measureLayers(pipeline(), LAYER_ERRORS);
      const rank = { spread: RANK, errors };
      const whole = await calibrate(pipeline(), { method, rank, source: SOURCE });
      assert.deepEqual(layersOf(await merge(spread)), layersOf(whole));
    });
  }

  test('a shard that was killed goes on; one that is missing, unfinished or of another calibration is named', async () => {
    const options: CalibrateShardOptions = {
      ...{ folder: join(folder, 'killed'), key: { seed: 4 }, method: 'cd', source: SOURCE },
    };
    await assert.rejects(merge(options), /killed holds no shards/);
    let evaluations = 0;
    const stop = new AbortController();
    // In the second of its batches 2, 3 and 4.
    const onEvaluation = () => {
      if (++evaluations === 4) stop.abort();
    };
    await assert.rejects(
      calibrateShard(pipeline(), { ...options, signal: stop.signal, onEvaluation }, { index: 1, of: 2 }),
      { name: 'AbortError' },
    );
    await assert.rejects(merge(options), /has no shard-0-of-2: that part is not done yet/);
    await calibrateShard(pipeline(), options, { index: 0, of: 2 });
    await assert.rejects(merge(options), /shard-1-of-2 lacks batch 3; calibrate the shard to its end first/);
    const measured: number[] = [];
    const counted = {
      ...SOURCE,
      run: (batch: number, ...rest: [never, never]) => {
        measured.push(batch);
        return SOURCE.run(batch, ...rest);
      },
    } as typeof SOURCE;
    await calibrateShard(pipeline(), { ...options, source: counted }, { index: 1, of: 2 });
    assert.deepEqual(measured, [3, 4]);
    await assert.rejects(merge({ ...options, key: { seed: 5 } }), /in it seed is 4, not 5/);
    await calibrateShard(pipeline(), options, { index: 2, of: 3 });
    await assert.rejects(merge(options), /in [23] and in [23] parts; expected those of one/);
    rmSync(join(options.folder, 'shard-2-of-3'), { recursive: true });
    const whole = await calibrate(pipeline(), { method: 'cd', rank: RANK, source: SOURCE });
    assert.deepEqual(layersOf(await merge(options)), layersOf(whole));
    await assert.rejects(calibrateShard(pipeline(), options, { index: 2, of: 2 }), /shard\.index is 2/);
  });
});
