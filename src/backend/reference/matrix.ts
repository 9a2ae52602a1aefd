import { dot } from '../../dot.js';
import type { BufferType, View } from '../../plan/types.js';
import { roundRowE4m3 } from '../e4m3.js';
import { rounding } from '../half.js';

/** A rectangle of a float64 buffer: element (i, j) is `data[offset + i * stride + j]`. */
export interface Matrix {
  readonly data: Float64Array;
  readonly offset: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
  /** Values written to a 16-bit buffer are rounded to its type, finished rows to e4m3; other buffers hold float64. */
  readonly type: BufferType;
}

/** What a buffer holds, row-major. */
export interface BufferData {
  readonly data: Float64Array;
  readonly type: BufferType;
  readonly columns: number;
}

export function matrixOf({ data, type, columns: stride }: BufferData, view: View): Matrix {
  const { row, rows, column, columns } = view;
  return { data, offset: row * stride + column, stride, rows, columns, type };
}

export function get(m: Matrix, i: number, j: number): number {
  return m.data[m.offset + i * m.stride + j]!;
}

export function set(m: Matrix, i: number, j: number, value: number): void {
  m.data[m.offset + i * m.stride + j] = rounded(value, m.type);
}

/** After all of a row has been written, which e4m3 can then round. */
export function finishRow(m: Matrix, i: number): void {
  if (m.type === 'e4m3') roundRowE4m3(m.data, m.offset + i * m.stride, m.columns);
}

/** `value` as a buffer of this type holds it. */
export function rounded(value: number, type: BufferType): number {
  const round = rounding(type);
  return round ? round(value) : value;
}

/** Sum over j of a[i, j] b[k, j]: one element of a b^T. */
export function dotRows(a: Matrix, i: number, b: Matrix, k: number): number {
  return dot(a.data, a.offset + i * a.stride, b.data, b.offset + k * b.stride, a.columns);
}

/** Row of `perImage` that belongs to row `i` of a matrix of `rows` rows. */
export function imageOf(perImage: Matrix, i: number, rows: number): number {
  return Math.floor(i / (rows / perImage.rows));
}

/** A dense matrix of zeros, in float64. */
export function zeros(rows: number, columns: number): Matrix {
  return { data: new Float64Array(rows * columns), offset: 0, stride: columns, rows, columns, type: 'f32' };
}
