/** Files of random bfloat16 weights, made at the speed of the disk. */
import { normals } from '../../src/diffusion/philox.js';
import { writeSafetensors } from '../../src/weights/index.js';
import { sizeOf } from '../tensor.js';

export interface RandomTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Of the normals. Default: all values are 1. */
  readonly deviation?: number;
}

/** A prime: no row of a matrix begins where another one has. */
const PERIOD = 1_048_573;

/** Normals that repeat after `PERIOD` values, a tensor at a time. */
export function writeRandomBf16(path: string, tensors: Iterable<RandomTensor>): void {
  const pattern = normals(1, 0, 0, PERIOD);
  writeSafetensors(
    path,
    [...tensors].map(({ name, shape, deviation }) => ({
      ...{ name, dtype: 'BF16' as const, shape },
      data: () =>
        repeated(deviation === undefined ? Float32Array.of(1) : pattern, deviation ?? 1, sizeOf(shape)),
    })),
  );
}

function repeated(pattern: Float32Array, deviation: number, count: number): Uint16Array {
  const words = new Uint32Array(pattern.map((value) => value * deviation).buffer);
  // The upper half of a float32: truncated, which is random enough.
  const period = Uint16Array.from(words, (word) => word >>> 16);
  const values = new Uint16Array(count);
  for (let first = 0; first < count; first += period.length)
    values.set(period.subarray(0, Math.min(period.length, count - first)), first);
  return values;
}
