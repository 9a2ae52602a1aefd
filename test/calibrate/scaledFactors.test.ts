/** Factors from scaled weights: what their definition asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { scaledFactors } from '../../src/calibrate/factors.js';
import { ArgumentError, IncacheError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';
import { distance, multiply, oracleSingularValues, randomMatrix, shapes, tail } from './matrices.js';

test('the scaled residual is the least there can be', () => {
  fc.assert(
    fc.property(shapes(16), ({ rows, columns, rank, seed }) => {
      const weight = randomMatrix(rows, columns, seed).data;
      const inputScale = randomMatrix(columns, 1, seed + 1).data.map(Math.abs);
      const outputScale = randomMatrix(rows, 1, seed + 2).data.map(Math.abs);
      const scale = (values: ArrayLike<number>) =>
        Float64Array.from(values, (value, place) => {
          const row = Math.floor(place / columns);
          return (outputScale[row]! + 1e-6) * value * (inputScale[place % columns]! + 1e-6);
        });
      const { up, down } = scaledFactors({ weight, rows, columns, rank, inputScale, outputScale });
      const residual = distance(scale(multiply(up, down, rows, rank, columns)), scale(weight));
      const scaled = { rows, columns, data: scale(weight) };
      const singularValues = oracleSingularValues(scaled);
      const least = tail(singularValues, rank);
      assert.ok(
        Math.abs(residual - least) <= 1e-6 * singularValues[0]!,
        `residual ${residual}, least ${least}`,
      );
    }),
  );
});

test('a millionth is added to the scales at use', () => {
  const { data: weight } = randomMatrix(6, 8, 3);
  const request = { weight, rows: 6, columns: 8, rank: 2 };
  const zeros = { inputScale: new Float64Array(8), outputScale: new Float64Array(6) };
  const plain = scaledFactors(request);
  const found = scaledFactors({ ...request, ...zeros });
  // Scales that are all 1e-6 change the singular values by their square, and the product not at all.
  assertClose(
    found.singularValues,
    plain.singularValues.map((value) => value * 1e-12),
    1e-9,
    'singular values',
  );
  assertClose(
    multiply(found.up, found.down, 6, 2, 8),
    multiply(plain.up, plain.down, 6, 2, 8),
    1e-6,
    'product',
  );
});

test('Wb has the unit rows of V over Si, Wa carries the singular values', () => {
  const { data: weight } = randomMatrix(9, 7, 5);
  const inputScale = Float64Array.from({ length: 7 }, (_, j) => 0.1 + j);
  const outputScale = Float64Array.from({ length: 9 }, (_, i) => 0.2 + i);
  const { up, down, singularValues } = scaledFactors({
    weight,
    rows: 9,
    columns: 7,
    rank: 3,
    inputScale,
    outputScale,
  });
  for (let k = 0; k < 3; k++) {
    const row = Array.from({ length: 7 }, (_, j) => down[k * 7 + j]! * (inputScale[j]! + 1e-6));
    const column = Array.from({ length: 9 }, (_, i) => up[i * 3 + k]! * (outputScale[i]! + 1e-6));
    assertClose([Math.hypot(...row)], [1], 1e-6, `row ${k} of Wb`);
    assertClose([Math.hypot(...column)], [singularValues[k]!], 1e-6, `column ${k} of Wa`);
  }
});

test('full rank gives the weight back, with any scales', () => {
  fc.assert(
    fc.property(shapes(16), ({ rows, columns, seed }) => {
      const { data: weight } = randomMatrix(rows, columns, seed);
      const inputScale = Float64Array.from({ length: columns }, (_, j) => 10 ** ((-3 * ((j * 7) % 5)) / 4));
      const rank = Math.min(rows, columns);
      const { up, down } = scaledFactors({ weight, rows, columns, rank, inputScale });
      assertClose(multiply(up, down, rows, rank, columns), weight, 1e-6, `${rows} x ${columns}`);
    }),
  );
});

test('what does not fit is refused by name', () => {
  const good = { weight: new Float32Array(12).fill(1), rows: 3, columns: 4, rank: 2 };
  const refuses = (change: object, argument: string) =>
    assert.throws(() => scaledFactors({ ...good, ...change }), { name: ArgumentError.name, argument });
  refuses({ rank: 0 }, 'rank');
  refuses({ rank: 4 }, 'rank');
  refuses({ rank: 1.5 }, 'rank');
  refuses({ rows: 0 }, 'rows');
  refuses({ weight: new Float32Array(11) }, 'weight.length');
  refuses({ inputScale: [1, 1, 1] }, 'inputScale.length');
  refuses({ outputScale: [1, -1, 1] }, 'outputScale[1]');
});

test('NaN and infinities are refused by name', () => {
  const good = { weight: new Float32Array(12).fill(1), rows: 3, columns: 4, rank: 2 };
  const weight = good.weight.slice();
  weight[7] = Number.NaN;
  const refuses = (change: object, message: RegExp) =>
    assert.throws(
      () => scaledFactors({ ...good, ...change }),
      (error) => error instanceof IncacheError && message.test(error.message),
    );
  refuses({ weight }, /^weight holds NaN at element 7/);
  refuses({ inputScale: [1, 1, Number.POSITIVE_INFINITY, 1] }, /^inputScale holds Infinity at element 2/);
  refuses({ outputScale: [Number.NaN, 1, 1] }, /^outputScale holds NaN at element 0/);
});
