import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Matrix } from 'ml-matrix';
import { type Factors, scaledFactors, whitenedFactors } from '../../src/calibrate/factors.js';
import type { DenseMatrix } from '../../src/calibrate/matrix.js';
import { ArgumentError, IncacheError } from '../../src/errors.js';
import { assertClose } from '../support/compare.js';
import {
  fromOracle,
  length,
  multiply,
  oracleSingularValues,
  randomMatrix,
  secondMomentOf,
  shapes,
  tail,
  toOracle,
} from './matrices.js';

/** A layer and increments of its input whose channels are correlated and of unequal size. */
interface Layer {
  readonly weight: DenseMatrix;
  /** Ci x samples. */
  readonly increments: DenseMatrix;
  readonly outputScale: Float64Array;
}

function randomLayer(rows: number, columns: number, seed: number, samples = 3 * columns + 2): Layer {
  const mixing = toOracle(randomMatrix(columns, columns, seed + 1));
  for (let j = 0; j < columns; j++) mixing.mulRow(j, 0.6 ** (j % 8));
  return {
    weight: randomMatrix(rows, columns, seed),
    increments: fromOracle(mixing.mmul(toOracle(randomMatrix(columns, samples, seed + 2)))),
    outputScale: randomMatrix(rows, 1, seed + 3).data.map((value) => 0.05 + Math.abs(value)),
  };
}

function outputIncrements({ weight, increments }: Layer): DenseMatrix {
  return fromOracle(toOracle(weight).mmul(toOracle(increments)));
}

/** diag(So + 1e-6) `outputs`, one sample a column, over the root of the number of samples. */
function weighed(outputs: DenseMatrix, outputScale: Float64Array): DenseMatrix {
  const scale = Matrix.diag(Array.from(outputScale, (value) => value + 1e-6));
  return fromOracle(scale.mmul(toOracle(outputs)).div(Math.sqrt(outputs.columns)));
}

/** Square root of E |diag(So) (W - Wa Wb) dx|^2 over the increments. */
function incrementResidual(layer: Layer, { up, down }: Factors, rank: number): number {
  const { rows, columns } = layer.weight;
  const product = Matrix.from1DArray(rows, columns, Array.from(multiply(up, down, rows, rank, columns)));
  const missed = fromOracle(toOracle(layer.weight).sub(product).mmul(toOracle(layer.increments)));
  return length(weighed(missed, layer.outputScale).data);
}

function whiten(layer: Layer, rank: number, side: 'input' | 'output', ridge = 0): Factors {
  const samples = side === 'input' ? layer.increments : outputIncrements(layer);
  const { rows, columns, data: weight } = layer.weight;
  const { outputScale } = layer;
  return whitenedFactors({
    weight,
    rows,
    columns,
    rank,
    side,
    secondMoment: secondMomentOf(samples),
    ridge,
    outputScale,
  });
}

for (const side of ['input', 'output'] as const) {
  test(`moment of the ${side}s: the residual is the Eckart-Young bound`, () => {
    fc.assert(
      fc.property(shapes(14), ({ rows, columns, rank, seed }) => {
        const layer = randomLayer(rows, columns, seed);
        const factors = whiten(layer, rank, side);
        const singularValues = oracleSingularValues(weighed(outputIncrements(layer), layer.outputScale));
        const residual = incrementResidual(layer, factors, rank);
        const least = tail(singularValues.slice(0, Math.min(rows, columns)), rank);
        const tolerance = 1e-6 * singularValues[0]!;
        assert.ok(Math.abs(residual - least) <= tolerance, `residual ${residual}, least ${least}`);
        factors.singularValues.forEach((value, i) => {
          assert.ok(Math.abs(value - singularValues[i]!) <= tolerance, `singular value ${i}`);
        });
        assert.equal(factors.singularValues.length, Math.min(rows, columns));
      }),
      { numRuns: 150 },
    );
  });

  test(`moment of the ${side}s: full rank gives the weight back`, () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 14 }),
        fc.integer({ min: 1, max: 14 }),
        fc.nat(),
        (rows, columns, seed) => {
          const layer = randomLayer(rows, columns, seed);
          const rank = Math.min(rows, columns);
          const { up, down } = whiten(layer, rank, side, 1e-4);
          assertClose(
            multiply(up, down, rows, rank, columns),
            layer.weight.data,
            1e-6,
            `${rows} x ${columns}`,
          );
        },
      ),
    );
  });

  test(`moment of the ${side}s: white increments and a ridge of any size leave the plain SVD`, () => {
    for (const [rows, columns] of [
      [9, 6],
      [6, 9],
    ] as const) {
      const { data: weight } = randomMatrix(rows, columns, 4);
      const w = Matrix.from1DArray(rows, columns, Array.from(weight));
      const moment = side === 'input' ? Matrix.eye(columns) : w.mmul(w.transpose());
      const secondMoment = Float64Array.from(moment.to1DArray());
      const plain = scaledFactors({ weight, rows, columns, rank: 3 });
      for (const ridge of [0, 0.5, 100]) {
        const found = whitenedFactors({ weight, rows, columns, rank: 3, side, secondMoment, ridge });
        assertClose(
          multiply(found.up, found.down, rows, 3, columns),
          multiply(plain.up, plain.down, rows, 3, columns),
          1e-6,
          `${rows} x ${columns}, ridge ${ridge}`,
        );
        assertClose(
          found.singularValues,
          plain.singularValues.map((value) => value * Math.sqrt(1 + ridge)),
          1e-6,
          `singular values, ${rows} x ${columns}, ridge ${ridge}`,
        );
      }
    }
  });
}

test('no other method leaves less of the increments, and here all leave clearly more', () => {
  for (const [rows, columns] of [
    [12, 20],
    [20, 12],
    [16, 16],
  ] as const) {
    const layer = randomLayer(rows, columns, 77);
    const request = { weight: layer.weight.data, rows, columns, rank: 4 };
    const magnitude = (samples: DenseMatrix) =>
      toOracle(samples)
        .abs()
        .mean('row')
        .map((value) => Math.sqrt(value));
    const inputScale = magnitude(layer.increments);
    const { outputScale } = layer;
    const others = [
      scaledFactors(request),
      scaledFactors({ ...request, inputScale }),
      scaledFactors({ ...request, outputScale }),
      scaledFactors({ ...request, inputScale, outputScale }),
    ].map((factors) => incrementResidual(layer, factors, 4));
    for (const side of ['input', 'output'] as const) {
      const own = incrementResidual(layer, whiten(layer, 4, side), 4);
      for (const other of others)
        assert.ok(own < 0.99 * other, `${rows} x ${columns}, ${side}: ${own}, ${other}`);
    }
  }
});

test('both sides give the same product', () => {
  for (const [rows, columns] of [
    [8, 13],
    [13, 8],
  ] as const) {
    const layer = randomLayer(rows, columns, 31);
    const byInput = whiten(layer, 3, 'input');
    const byOutput = whiten(layer, 3, 'output');
    const product = ({ up, down }: Factors) => multiply(up, down, rows, 3, columns);
    assertClose(product(byOutput), product(byInput), 1e-5, `${rows} x ${columns}`);
  }
});

test('fewer samples than channels: a ridge makes up for what was not seen', () => {
  for (const [rows, columns] of [
    [10, 16],
    [16, 10],
  ] as const) {
    const layer = randomLayer(rows, columns, 8, 4);
    for (const side of ['input', 'output'] as const) {
      const { up, down } = whiten(layer, 6, side, 1e-3);
      const residual = incrementResidual(layer, { up, down, singularValues: new Float64Array() }, 6);
      const all = length(weighed(outputIncrements(layer), layer.outputScale).data);
      assert.ok(residual < 0.02 * all, `${rows} x ${columns}, ${side}: ${residual} of ${all}`);
    }
  }
});

test('the rows of Wb have unit length', () => {
  for (const [rows, columns] of [
    [12, 7],
    [7, 12],
  ] as const) {
    const { down } = whiten(randomLayer(rows, columns, 3), 4, 'input', 1e-3);
    for (let k = 0; k < 4; k++)
      assertClose([length(down.subarray(k * columns, (k + 1) * columns))], [1], 1e-6, `row ${k}`);
  }
});

test('what cannot be is refused by name', () => {
  const good = {
    weight: new Float32Array(12).fill(1),
    rows: 4,
    columns: 3,
    rank: 2,
    side: 'input' as const,
    secondMoment: Float64Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1),
    ridge: 0,
  };
  const refuses = (change: object, argument: string) =>
    assert.throws(() => whitenedFactors({ ...good, ...change }), { name: ArgumentError.name, argument });
  refuses({ rank: 4 }, 'rank');
  refuses({ ridge: -1 }, 'ridge');
  refuses({ side: 'both' }, 'side');
  refuses({ side: 'output' }, 'secondMoment.length');
  const says = (change: object, message: RegExp) =>
    assert.throws(
      () => whitenedFactors({ ...good, ...change }),
      (error) => error instanceof IncacheError && message.test(error.message),
    );
  says({ secondMoment: good.secondMoment.with(4, Number.NaN) }, /^secondMoment holds NaN at element 4/);
  says({ weight: good.weight.with(2, Number.POSITIVE_INFINITY) }, /^weight holds Infinity at element 2/);
  says({ secondMoment: new Float64Array(9) }, /no increment was seen/);
  says({ secondMoment: new Float64Array(9).fill(1) }, /not positive definite; give a larger ridge/);
});
