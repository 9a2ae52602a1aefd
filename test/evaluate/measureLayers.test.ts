/** What a layer alone does to the image, against a run in which the others have increments of full rank. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import { layersWork, measureLayers } from '../../src/evaluate/runs/measureLayers.js';
import { sharedPipeline } from '../pipeline/tinyPipeline.js';
import { TINY, TINY_NETWORK } from '../support/tinyModel.js';

const SAMPLING = { steps: 7, seed: 3 };

describe('errors of layers', () => {
  const pipeline = sharedPipeline('wasm');

  for (const [period, order] of [
    [2, 0],
    [3, 1],
  ] as const)
    test(`period ${period}, order ${order}`, async () => {
      let told = 0;
      const errors = await measureLayers(pipeline(), {
        ...SAMPLING,
        period,
        order,
        images: 2,
        onLayer: () => told++,
      });
      assert.equal(told, layersWork(TINY_NETWORK));
      const exact = await calibrate(pipeline(), { method: 'svd', rank: TINY.hiddenSize });
      const run = async (factors?: FactorSet) => {
        const cache = factors && { policy: 'calibrated' as const, period, order, factors };
        return (await pipeline().generate({ ...SAMPLING, labels: [0, 1], ...(cache && { cache }) })).latents;
      };
      const whole = await run();
      for (const [name, layer] of exact.layers) {
        const { rows, columns } = layer;
        const zero = { rows, columns, rank: 1, up: new Float32Array(rows), down: new Float32Array(columns) };
        const expected = relativeL2(
          await run(new FactorSet(exact.info, new Map([...exact.layers, [name, zero]]))),
          whole,
        );
        const ratio = errors.get(name)! / expected;
        assert.ok(Math.abs(ratio - 1) < 0.01, `${name}: ${ratio} times ${expected}`);
      }
      assert.equal(errors.size, exact.layers.size);
    });
});
