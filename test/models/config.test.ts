import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ArgumentError, FormatError } from '../../src/errors.js';
import { type DiTConfig, namedConfig, tensorShapes } from '../../src/models/dit/config.js';
import { inferConfig } from '../../src/models/dit/inferConfig.js';

const headers = (config: DiTConfig) =>
  new Map([...tensorShapes(config)].map(([name, shape]) => [name, { shape }]));

/** Two heads, which no shape tells. */
const SMALL: DiTConfig = {
  inputSize: 6,
  patchSize: 3,
  inChannels: 2,
  hiddenSize: 24,
  depth: 2,
  heads: 2,
  mlpSize: 60,
  classes: 3,
  learnSigma: false,
  guidanceChannels: 2,
};

describe('configuration from a checkpoint', () => {
  for (const size of ['S', 'B', 'L', 'XL'])
    for (const patch of [2, 4, 8])
      test(`DiT-${size}/${patch} is told from its shapes alone`, () => {
        const config = namedConfig(`DiT-${size}/${patch}`);
        assert.deepEqual(inferConfig(headers(config), {}), config);
      });

  test('DiT-XL/2 has the 675 million weights of the paper', () => {
    const shapes = [...tensorShapes(namedConfig('DiT-XL/2')).values()];
    const weights = shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
    assert.equal(Math.round(weights / 1e6), 675);
  });

  test('heads come from the caller, else from the metadata, else nothing can be said', () => {
    assert.deepEqual(inferConfig(headers(SMALL), {}, { heads: 2 }), SMALL);
    assert.deepEqual(inferConfig(headers(SMALL), { config: '{"num_heads": 2}' }), SMALL);
    assert.throws(() => inferConfig(headers(SMALL), {}), {
      name: 'ArgumentError',
      message: /^heads is missing/,
    });
    assert.throws(
      () => inferConfig(headers(SMALL), {}, { heads: 5 }),
      /^ArgumentError: heads is 5; expected a divisor/,
    );
  });

  const refusals: [string, (tensors: ReturnType<typeof headers>) => void, RegExp][] = [
    [
      'missing',
      (tensors) => tensors.delete('blocks.1.mlp.fc2.bias'),
      /'blocks\.1\.mlp\.fc2\.bias' is missing/,
    ],
    ['missing first', (tensors) => tensors.delete('pos_embed'), /'pos_embed' is missing/],
    [
      'misshapen',
      (tensors) => tensors.set('blocks.0.attn.qkv.weight', { shape: [72, 25] }),
      /'blocks\.0\.attn\.qkv\.weight' has shape \[72,25\]; expected \[72,24\]/,
    ],
    [
      'not square',
      (tensors) => tensors.set('pos_embed', { shape: [1, 5, 24] }),
      /5 tokens; expected a square/,
    ],
  ];
  for (const [what, spoil, message] of refusals)
    test(`refuses a ${what} tensor by name`, () => {
      const tensors = headers(SMALL);
      spoil(tensors);
      assert.throws(
        () => inferConfig(tensors, {}, { heads: 2 }),
        (error: Error) => {
          assert.ok(error instanceof FormatError);
          assert.match(error.message, message);
          return true;
        },
      );
    });

  test('refuses metadata that contradict the shapes, or are not JSON', () => {
    assert.throws(
      () => inferConfig(headers(SMALL), { config: '{"num_heads": 2, "depth": 3}' }),
      /depth 3, the shapes say 2/,
    );
    assert.throws(() => inferConfig(headers(SMALL), { config: '{' }), FormatError);
  });

  test('refuses names of no size', () => {
    assert.throws(() => namedConfig('DiT-XL/3'), ArgumentError);
  });
});
