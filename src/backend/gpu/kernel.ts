/** What the backend runs: kernels, the matrices that they are given, and dispatches of both. */
import { IncacheError } from '../../errors.js';
import type { GPUBuffer } from './webgpu.js';

/** A buffer that is made when everything that will be in it is known. */
export interface Slot {
  bytes: number;
  buffer: GPUBuffer | undefined;
}

/** A rectangle of a buffer: element (i, j) is number offset + i * stride + j * step of it. */
export interface Matrix {
  readonly slot: Slot;
  readonly type: 'f32' | 'i32';
  readonly rows: number;
  readonly columns: number;
  readonly offset: number;
  readonly stride: number;
  /** 0 of a constant, all of whose elements are one number. */
  readonly step: 0 | 1;
}

/** A kernel as text; the declarations of its operands are made by `shaderText`. */
export interface Kernel {
  /** Kernels of one name are one text. */
  readonly name: string;
  /** Operands that are read as `get_<name>(row, column)`. */
  readonly matrices: readonly string[];
  /** Operands that are read as `<name>[i]`, four numbers at once. Offset and stride are counted in fours. */
  readonly vectors?: readonly string[];
  /** Members of `params`. */
  readonly integers: readonly string[];
  readonly floats: readonly string[];
  /** Functions, variables and `main`. Results are written by `put(row, column, value)`. */
  readonly text: string;
}

export interface Dispatch {
  readonly kernel: Kernel;
  readonly out: Matrix;
  /** Every matrix and vector of the kernel, by name. */
  readonly operands: Readonly<Record<string, Matrix>>;
  /** Every integer and float of the kernel, by name. */
  readonly numbers: Readonly<Record<string, number>>;
  readonly groups: readonly [number, number, number];
}

/** Most workgroups in a dimension that every device has. */
export const MOST_GROUPS = 65535;

/** From here on float32, in which gpu.js counts rows and columns, has no room for odd numbers. */
const MOST_ROWS = 2 ** 24;

/** Groups for this many rows and columns; rows that are too many for one dimension go on in the third. */
export function groupsFor(
  { rows, columns }: Pick<Matrix, 'rows' | 'columns'>,
  rowsEach: number,
  columnsEach: number,
): Dispatch['groups'] {
  if (rows >= MOST_ROWS || columns >= MOST_ROWS)
    throw new IncacheError(
      `the gpu backend has no results of ${rows} x ${columns}; expected fewer than ${MOST_ROWS} rows and columns`,
    );
  const down = Math.ceil(rows / rowsEach);
  const layers = Math.ceil(down / MOST_GROUPS);
  return [Math.ceil(columns / columnsEach), Math.ceil(down / layers), layers];
}
