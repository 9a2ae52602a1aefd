/** Which attention is computed when under pyramid attention broadcast. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { policyActions } from '../../src/cache/cachePolicy.js';
import { Pab, type PabParameters } from '../../src/cache/pab.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { TINY_PIXART } from '../support/tinyPixArt.js';

describe('pyramid attention broadcast', () => {
  const network = pixartNetwork(TINY_PIXART);
  const STEPS = 20;
  /** `#` where the last layer of a sublayer is computed, `.` where it is reused. */
  const course = (layer: string, parameters: PabParameters) => {
    const run = { network, geometry: network.latents, steps: STEPS, rank: () => 0 };
    return policyActions(new Pab(parameters), run)
      .map((actions) => (actions.get(layer)!.compute ? '#' : '.'))
      .join('');
  };

  test('attention is reused in the middle of the run, cross-attention for longer, MLPs never', () => {
    assert.equal(course('blocks.0.proj', {}), '###.#.#.#.##########'.slice(0, STEPS));
    assert.equal(course('blocks.1.proj', { period: 3 }), '###..#..#..#########');
    assert.equal(course('blocks.0.crossProj', {}), '###.....#..#########');
    assert.equal(course('blocks.1.crossProj', { crossPeriod: 1 }), '#'.repeat(STEPS));
    assert.equal(course('blocks.1.fc2', { period: 5 }), '#'.repeat(STEPS));
  });

  test('periods that are none are refused', () => {
    assert.throws(() => new Pab({ period: 0 }), { name: 'ArgumentError', message: /^period is 0/ });
    assert.throws(() => new Pab({ crossPeriod: 1.5 }), {
      name: 'ArgumentError',
      message: /^crossPeriod is 1.5/,
    });
  });
});
