/** A block in a browser, and the table of them. */
import type { Statistics } from '../statistics.js';
import { type Columns, markdownTable, spread } from '../table.js';

export interface BrowserRow {
  readonly contender: string;
  readonly threads: number;
  /** Relative L2 difference from the output of the first contender. */
  readonly error: number;
  /** Milliseconds. */
  readonly times: Statistics;
  /** How many times as fast as onnxruntime-web on as many threads. */
  readonly overWeb?: number | undefined;
  /** Of a calibrated block: time over that of the full one. */
  readonly timeShare?: number | undefined;
}

const milliseconds = (value: number) => value.toFixed(1);

const COLUMNS: Columns<BrowserRow> = [
  ['threads', ({ threads }) => threads],
  ['', ({ contender }) => contender],
  ['ms', ({ times }) => milliseconds(times.median)],
  ['p10 to p90', ({ times }) => spread(times, milliseconds)],
  ['x onnxruntime-web', ({ overWeb }) => overWeb?.toFixed(2) ?? ''],
  ['time over the full block', ({ timeShare }) => timeShare?.toFixed(3) ?? ''],
  ['difference', ({ error }) => error.toExponential(1)],
];

export function browserTable(rows: readonly BrowserRow[]): string {
  return markdownTable(COLUMNS, rows);
}
