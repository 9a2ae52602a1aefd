import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, test } from 'node:test';
import { qSample, respace } from '../../src/diffusion/noiseSchedule.js';
import { ArgumentError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';

describe('respaced process', () => {
  test('for every number of steps the timesteps are those of ADM', () => {
    // 10 strides of 49.95 are 499.5 and would round to 500; added up they are less.
    assert.equal(respace(21).timesteps[10], 499);
    const lists = Array.from({ length: 1000 }, (_, i) => respace(i + 1).timesteps.join(','));
    // Of what `space_timesteps(1000, [n])` gives in Python, one line for each n from 1 to 1000.
    assert.equal(
      createHash('sha256').update(lists.join('\n')).digest('hex'),
      '806af3c731ee25a87e0c00bcc07c65dac75f419006ab08a7753c42fbc29132f5',
    );
  });

  test('betas give back the cumulative products', () => {
    for (const steps of [1, 2, 7, 50, 999, 1000]) {
      const { betas, alphasCumprod } = respace(steps);
      let product = 1;
      const products = betas.map((beta) => {
        product *= 1 - beta;
        return product;
      });
      assertClose(products, alphasCumprod, 1e-12, `${steps} steps`);
    }
  });

  test('steps outside 1 to 1000 are refused', () => {
    for (const steps of [0, -1, 1.5, 1001, Number.NaN])
      assert.throws(
        () => respace(steps),
        (error: Error) => {
          assert.ok(error instanceof ArgumentError);
          assert.match(error.message, /^steps is .*; expected an integer from 1 to 1000$/);
          return true;
        },
      );
  });

  test('q_sample mixes signal and noise with squares that add up to one', () => {
    const noised = qSample(Float32Array.of(1, 0), Float32Array.of(0, 1), 0.36);
    assertClose(noised, [0.6, 0.8], 1e-7, 'q_sample');
    assert.throws(() => qSample(new Float32Array(2), new Float32Array(3), 0.5), ArgumentError);
  });
});
