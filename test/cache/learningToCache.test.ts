/** Learning-to-Cache: the authors' table for DiT-XL/2 and DDIM-50, and small ones that are seen through. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type CachedRun, policyActions } from '../../src/cache/cachePolicy.js';
import { loadRouterTable, type RouterTable } from '../../src/cache/data/routerTable.js';
import { LearningToCache } from '../../src/cache/learningToCache.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { namedNetwork } from '../../src/models/families.js';
import type { Network } from '../../src/models/network.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { namesOf, sameNames } from '../support/actions.js';
import { temporaryFolder } from '../support/folder.js';
import { TINY, TINY_NETWORK } from '../support/tinyModel.js';

const folder = temporaryFolder();
const AUTHORS = fileURLToPath(
  new URL('../../../test/data/policies/l2c-router-ddim50.safetensors', import.meta.url),
);
const runOf = (network: Network, steps: number, rank = 0): CachedRun => {
  return { network, geometry: network.latents, steps, rank: () => rank };
};

describe("the authors' table", () => {
  const table = loadRouterTable(AUTHORS);
  const network = namedNetwork('DiT-XL/2');
  const run = runOf(network, 50);
  const recomputed = (theta?: number) => {
    const { schedule } = new LearningToCache(table, theta).decide(run);
    return schedule.gather.map((row) => row.reduce((sum, cell) => sum + cell, 0));
  };

  test('has a row a step and two columns a block', () => {
    assert.deepEqual([table.steps, table.sublayers, table.logits.length], [50, 56, 2800]);
  });

  test('recomputes all on every second step and what its routers ask for on the others', () => {
    // At steps 1, 3, ..., which are routers 48, 46, ...; counted in the file apart from this code.
    const others = [0, 1, 0, 0, 3, 1, 2, 6, 7, 8, 11, 26, 29, 36, 54, 54, 55, 55, 55, 55, 56, 55, 55, 56, 56];
    const counts = recomputed();
    assert.ok(
      counts.every((count, step) => step % 2 === 1 || count === 56),
      'steps 0, 2, ...',
    );
    assert.deepEqual(
      counts.filter((_, step) => step % 2 === 1),
      others,
    );
  });

  test('theta bounds what is recomputed', () => {
    assert.ok(recomputed(0).every((count) => count === 56));
    assert.ok(recomputed(1).every((count, step) => count === (step % 2 === 0 ? 56 : 0)));
  });

  test('attention is the even column, the MLP of a block the odd one', () => {
    const { schedule } = new LearningToCache(table).decide(run);
    const layerOf = (layer: string) => network.layers.find(({ name }) => name === layer)!;
    for (let step = 1; step < 50; step += 2)
      for (let block = 0; block < 28; block++) {
        const logit = (column: number) => table.logits[(49 - step) * 56 + column]!;
        // sigmoid(x) > 0.1
        const asks = (column: number) => logit(column) > -Math.log(9);
        assert.equal(schedule.gathers(step, layerOf(`blocks.${block}.proj`)), asks(2 * block));
        assert.equal(schedule.gathers(step, layerOf(`blocks.${block}.fc1`)), asks(2 * block + 1));
      }
  });

  test('costs what its sublayers cost', () => {
    const { schedule } = new LearningToCache(table).decide(run);
    const [tokens, width] = [256, 1152];
    const attention = 4 * tokens * width ** 2 + 2 * tokens ** 2 * width;
    const mlp = 8 * tokens * width ** 2;
    // Patches of 2 x 2 x 4 in, of 2 x 2 x 8 out.
    const fixed = tokens * width * (16 + 32);
    const sublayers = schedule.gather.map((row) =>
      row.reduce((macs, cell, column) => macs + cell * (column % 2 === 0 ? attention : mlp), 0),
    );
    const { stepMacs } = planSession(network, {
      sequences: 1,
      conditions: 1,
      steps: policyActions(new LearningToCache(table), run),
    });
    assert.equal(
      stepMacs,
      sublayers.reduce((sum, macs) => sum + macs, 50 * fixed),
    );
  });
});

describe('small tables', () => {
  /** Four sublayers, three steps; only the MLP of block 1 is asked for, at step 1 (row 1 of 4). */
  const steps = 4;
  const logits = new Float32Array(4 * steps).fill(-10);
  const table: RouterTable = { steps, sublayers: 4, logits };
  logits[0 * 4 + 3] = 10;

  test('what is not recomputed is reused, or calibrated where it has an increment', () => {
    for (const [rank, cached, kept] of [
      [0, 'reuse', 'storeOutput'],
      [8, 'calibrate', 'store'],
    ] as const) {
      const actions = policyActions(new LearningToCache(table), runOf(TINY_NETWORK, steps, rank)).map(
        namesOf,
      );
      assert.deepEqual(actions[1], [sameNames(cached), sameNames(cached)]);
      const mlp = { fc1: 'compute', fc2: 'compute' } as const;
      assert.deepEqual(actions[3], [sameNames(cached), { ...sameNames(cached), ...mlp }]);
      assert.deepEqual([actions[0]![0]!.proj, actions[2]![1]!.proj], [kept, kept]);
      assert.deepEqual(actions[2]![1]!.fc2, 'compute');
    }
  });

  test('of an odd number of steps the first is computed whatever its router says', () => {
    const odd: RouterTable = { steps: 3, sublayers: 4, logits: new Float32Array(12).fill(-10) };
    const actions = policyActions(new LearningToCache(odd), runOf(TINY_NETWORK, 3)).map(namesOf);
    assert.deepEqual(actions[2], [sameNames('reuse'), sameNames('reuse')]);
    assert.ok(actions.slice(0, 2).every(([block]) => block!.fc2 !== 'reuse'));
  });

  test('a table of another model or number of steps is refused, and so is a theta beyond its range', () => {
    const policy = new LearningToCache(table);
    assert.throws(
      () => policy.decide(runOf(TINY_NETWORK, 5)),
      /table is 'of 4 steps and 4 sublayers'; expected 5 steps/,
    );
    assert.throws(
      () => policy.decide(runOf(ditNetwork({ ...TINY, depth: 3 }), 4)),
      /expected 4 steps and 6 sublayers/,
    );
    assert.throws(
      () => new LearningToCache(table, 1.1),
      /theta is 1.1; expected a finite number from 0 to 1/,
    );
  });

  test('a file that is no table is refused with what is wrong', () => {
    const write = (name: string, tensor: string, shape: number[], data: Float32Array) => {
      const path = `${folder}/${name}.safetensors`;
      writeSafetensors(path, [{ name: tensor, dtype: 'F32', shape, data }]);
      return path;
    };
    const refused = (path: string, message: RegExp) =>
      assert.throws(() => loadRouterTable(path), { name: 'FormatError', message });
    refused(write('other', 'weights', [1], new Float32Array(1)), /has no tensor 'logits'/);
    refused(write('flat', 'logits', [4], new Float32Array(4)), /shape \[4\]; expected steps x sublayers/);
    refused(write('empty', 'logits', [0, 4], new Float32Array(0)), /shape \[0,4\]/);
    refused(write('nan', 'logits', [1, 2], Float32Array.of(0, Number.NaN)), /NaN at element 1/);
    const whole = loadRouterTable(write('whole', 'logits', [2, 2], Float32Array.of(1, 2, 3, 4)));
    assert.deepEqual(
      [whole.steps, whole.sublayers, [...(whole.logits as Float32Array)]],
      [2, 2, [1, 2, 3, 4]],
    );
  });
});
