/** What is measured of a product through WebGPU, and its table. */
import type { Statistics } from '../statistics.js';
import { type Columns, markdownTable, spread } from '../table.js';

export interface GpuRow {
  /** A form of our products, or another package. */
  readonly contender: string;
  /** Rows, terms and columns of the product. */
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Relative L2 from float64. */
  readonly error: number;
  readonly gflops: number;
  /** Milliseconds with x written and the result read. */
  readonly times: Statistics;
  /** Time over that of our form `registers`. */
  readonly overRegisters: number;
}

const COLUMNS: Columns<GpuRow> = [
  ['', ({ contender }) => contender],
  ['m x k x n', ({ m, k, n }) => `${m} x ${k} x ${n}`],
  ['ms', ({ times }) => times.median.toFixed(1)],
  ['p10 to p90', ({ times }) => spread(times, (value) => value.toFixed(1))],
  ['Gflop/s', ({ gflops }) => gflops.toFixed(3)],
  ['time over registers', ({ overRegisters }) => overRegisters.toFixed(2)],
  ['error', ({ error }) => error.toExponential(0)],
];

export function gpuTable(rows: readonly GpuRow[]): string {
  return markdownTable(COLUMNS, rows);
}
