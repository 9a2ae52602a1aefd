/** factors-leak: factors are on the device once, whoever asks for them, and those that no run uses do not pile up. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FactorSet } from '../../src/cache/data/factorSet.js';
import { calibrate } from '../../src/calibrate/calibrate.js';
import type { Pipeline } from '../../src/pipeline/pipeline.js';
import { temporaryFolder } from '../support/folder.js';
import { assertSame, PRESENT, sharedPipeline, withTinyPipeline } from './tinyPipeline.js';

const RANKS = [1, 2, 3, 4, 5, 6, 7];

const request = (factors: FactorSet) =>
  ({ labels: [1], steps: 3, cache: { policy: 'calibrated', factors } }) as const;

for (const backend of PRESENT.filter((name) => name !== 'cuda'))
  describe(`factors-leak: factors on ${backend}`, () => {
    const folder = temporaryFolder();
    const file = join(folder, 'factors.safetensors');
    const pipeline = sharedPipeline(backend);
    const factorsOf = (rank: number) => calibrate(pipeline(), { method: 'svd', rank });
    const sample = async (factors: FactorSet, on: Pipeline = pipeline()) => {
      const { latents } = await on.generate(request(factors));
      return latents;
    };

    test('the same numbers from a file take memory once', async () => {
      (await factorsOf(8)).save(file);
      const first = await sample(FactorSet.load(file));
      const { bytes } = pipeline().weights;
      for (let i = 0; i < 4; i++) {
        assertSame(await sample(FactorSet.load(file)), first);
        assert.equal(pipeline().weights.bytes, bytes);
      }
    });

    test('of many sets that no run uses two stay', async () => {
      await withTinyPipeline(backend, {}, async (own) => {
        await own.generate({ labels: [1], steps: 3 });
        const without = own.weights.bytes;
        const sets = await Promise.all(RANKS.map((rank) => calibrate(own, { method: 'svd', rank })));
        for (const set of sets) await sample(set, own);
        const held = own.weights.bytes - without;
        for (const set of sets.slice(-2)) own.releaseFactors(set);
        assert.equal(own.weights.bytes, without, 'sets that were used long ago are still there');
        assert.ok(held > 0, 'none has stayed for the next request');
      });
    });

    test('a set that a run uses stays until the run has ended', async () => {
      const [used, ...others] = await Promise.all(RANKS.slice(0, 5).map(factorsOf));
      const whole = await sample(used!);
      const steps = pipeline().sample(request(used!));
      await steps.next();
      for (const other of others) await sample(other);
      pipeline().releaseFactors(used!);
      for (const other of others) pipeline().releaseFactors(other);
      const held = pipeline().weights.bytes;
      let last = await steps.next();
      while (!last.done) last = await steps.next();
      assertSame(last.value.latents, whole);
      assert.ok(pipeline().weights.bytes < held, 'what was to be released at the end is still there');
      assertSame(await sample(used!), whole, 'the same factors again');
    });

    test('plans can be asked for without taking anything', async () => {
      const factors = await factorsOf(3);
      const { bytes } = pipeline().weights;
      const { plans } = pipeline().plan(request(factors));
      assert.ok(plans.some(({ buffers }) => buffers.some(({ name }) => name.startsWith('factors.'))));
      assert.equal(pipeline().weights.bytes, bytes);
    });
  });
