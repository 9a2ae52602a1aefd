/** Coefficients from Gram matrices, against least squares on the features themselves. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { StepGrams, type StepGramsInfo } from '../../src/cache/data/stepGrams.js';
import { fitCoefficients } from '../../src/cache/fitCoefficients.js';
import { fittedOf } from '../../src/cache/fitted.js';
import { writeSafetensors } from '../../src/weights/safetensors.js';
import { Random } from '../support/random.js';
import { TINY_NETWORK } from '../support/tinyModel.js';

const [STEPS, SIZE] = [8, 40];

/** G of features by step. */
function gramOf(features: readonly ArrayLike<number>[]): Float64Array {
  const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
    return sum;
  };
  return Float64Array.from(features.flatMap((a) => features.map((b) => dot(a, b))));
}

/** |F(step) - sum c F(past)|^2 / |F(step)|^2 */
function missed(
  features: readonly Float32Array[],
  step: number,
  past: readonly number[],
  c: readonly number[],
) {
  let [error, whole] = [0, 0];
  for (let i = 0; i < features[step]!.length; i++) {
    const forecast = past.reduce((sum, earlier, k) => sum + c[k]! * features[earlier]![i]!, 0);
    error += (features[step]![i]! - forecast) ** 2;
    whole += features[step]![i]! ** 2;
  }
  return error / whole;
}

const random = new Random(5);
const features = Array.from({ length: STEPS }, () => random.normals(SIZE));
const gram = gramOf(features);

describe('fitted coefficients', () => {
  for (const past of [[4], [4, 2], [5, 2, 1], [4, 3, 1, 0]])
    test(`of steps ${past} sum to 1, and nothing near is better`, () => {
      const { coefficients, error } = fitCoefficients({ gram, step: 6, past, ridge: 0 });
      assert.ok(Math.abs(coefficients.reduce((a, b) => a + b) - 1) < 1e-12);
      const own = missed(features, 6, past, coefficients);
      assert.ok(Math.abs(own - error) < 1e-6 * own);
      for (let i = 1; i < past.length; i++)
        for (const move of [-1e-2, 1e-2]) {
          const other = coefficients.map((value, k) => value + (k === 0 ? -move : k === i ? move : 0));
          assert.ok(missed(features, 6, past, other) > own);
        }
    });

  test('of features on a parabola are those of the parabola', () => {
    const [a, b, c] = [0, 1, 2].map(() => random.normals(SIZE)) as [Float32Array, Float32Array, Float32Array];
    const at = (step: number) => Float64Array.from(a, (value, i) => value + step * b[i]! + step ** 2 * c[i]!);
    const own = gramOf(Array.from({ length: STEPS }, (_, step) => at(step)));
    const { coefficients, error } = fitCoefficients({ gram: own, step: 7, past: [5, 4, 1], ridge: 0 });
    for (const [i, expected] of [4.5, -4, 0.5].entries())
      assert.ok(Math.abs(coefficients[i]! - expected) < 1e-6, String(coefficients));
    assert.ok(error < 1e-9);
  });

  test('of features that do not move, or move alike, are finite: the last step, or a ridge between', () => {
    const still = gramOf(Array.from({ length: STEPS }, () => features[0]!));
    assert.deepEqual(fitCoefficients({ gram: still, step: 6, past: [4, 2, 0] }).coefficients, [1, 0, 0]);
    const line = (step: number) =>
      Float64Array.from(features[0]!, (value, i) => value + step * features[1]![i]!);
    const singular = gramOf(Array.from({ length: STEPS }, (_, step) => line(step)));
    const { coefficients, error } = fitCoefficients({ gram: singular, step: 6, past: [4, 3, 2, 1] });
    assert.ok(coefficients.every((value) => Math.abs(value) < 10));
    assert.ok(error < 1e-6);
  });

  test('a larger ridge is nearer to the last step', () => {
    const moved = (ridge: number) =>
      fitCoefficients({ gram, step: 6, past: [4, 2, 0], ridge })
        .coefficients.slice(1)
        .reduce((sum, value) => sum + value ** 2, 0);
    assert.ok(moved(1) < moved(0.1) && moved(0.1) < moved(0));
  });
});

const INFO: StepGramsInfo = {
  modelHash: 'aa',
  model: 'a.safetensors',
  sampler: 'ddim',
  timesteps: Array.from({ length: STEPS }, (_, i) => 700 - 100 * i),
  guidanceScale: 1.5,
  images: 2,
  seed: 1,
  createdBy: 'incache 0.1.0',
};

describe('grams', () => {
  const folder = mkdtempSync(join(tmpdir(), 'incache-grams-'));
  after(() => rmSync(folder, { recursive: true }));
  const grams = new StepGrams(INFO, new Map([['blocks.0.qkv.input', gram]]));
  const path = join(folder, 'grams.safetensors');

  test('q, k and v take the coefficients of the input that they share', () => {
    const fitted = fittedOf('calibrate', 3, grams);
    const layerOf = (layer: string) => TINY_NETWORK.layers.find(({ name }) => name === layer)!;
    const { coefficients } = fitCoefficients({ gram, step: 6, past: [4, 2, 0] });
    for (const linear of ['q', 'k', 'v'])
      assert.deepEqual(fitted.coefficients(6, [4, 2, 0], layerOf(`blocks.0.${linear}`)), coefficients);
    assert.throws(
      () => fitted.coefficients(6, [4, 2, 0], layerOf('blocks.0.proj')),
      /no feature 'blocks.0.proj.input'/,
    );
  });

  test('are read as they were written', () => {
    grams.save(path);
    const { info, features: read } = StepGrams.load(path);
    assert.deepEqual([info, [...read]], [grams.info, [...grams.features]]);
  });

  test('of another model or other steps are refused', () => {
    grams.requireModel('aa');
    grams.requireTimesteps('ddim', INFO.timesteps);
    assert.throws(
      () => grams.requireModel('bb', 'b.safetensors'),
      /another model, a.safetensors .*b.safetensors/,
    );
    assert.throws(
      () => grams.requireTimesteps('ddim', [1, 2]),
      /over 8 steps of ddim; this run has 2 of ddim/,
    );
    const others = INFO.timesteps.map((timestep) => timestep + 1);
    assert.throws(
      () => grams.requireTimesteps('euler', others),
      /this run has 8 of euler at other timesteps/,
    );
  });

  test('that are damaged are refused in a sentence', () => {
    const write = (shape: number[], info: unknown, version = '1') =>
      writeSafetensors(
        path,
        [{ name: 'x', dtype: 'F64', shape, data: new Float64Array(shape[0]! * shape[1]!).fill(Number.NaN) }],
        { format: 'incache-grams', version, info: JSON.stringify(info) },
      );
    for (const [shape, info, version, message] of [
      [[8, 8], INFO, '2', /version 2; this incache reads version 1/],
      [[7, 8], INFO, '1', /x.length is 56; expected 64/],
      [[8, 8], INFO, '1', /x holds NaN at element 0/],
      [[8, 8], { ...INFO, timesteps: 'many' }, '1', /not a list of numbers/],
      [[8, 8], { ...INFO, images: 0 }, '1', /images is 0/],
      [[8, 8], null, '1', /not a list of numbers/],
    ] as const) {
      write([...shape], info, version);
      assert.throws(() => StepGrams.load(path), { name: 'FormatError', message });
    }
    writeFileSync(path, 'nothing');
    assert.throws(() => StepGrams.load(path), { name: 'FormatError' });
  });
});
