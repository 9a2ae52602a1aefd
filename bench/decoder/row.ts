/** What is measured of a decoder, and its table. */
import type { Statistics } from '../statistics.js';
import { type Columns, markdownTable, spread } from '../table.js';

export interface DecoderRow {
  readonly contender: string;
  readonly threads: number;
  /** Milliseconds of a picture. */
  readonly times: Statistics;
  readonly gflops: number;
  /** Of the multiply-add loop of its kind in the same run. */
  readonly loopShare: number;
  /** Time over that of onnxruntime: its native library, for wasm its WebAssembly build. */
  readonly overPeer?: number | undefined;
  /** Relative L2 difference from the first contender's picture. */
  readonly error: number;
}

const COLUMNS: Columns<DecoderRow> = [
  ['', ({ contender }) => contender],
  ['threads', ({ threads }) => String(threads)],
  ['ms', ({ times }) => times.median.toFixed(0)],
  ['p10 to p90', ({ times }) => spread(times, (value) => value.toFixed(0))],
  ['Gflop/s', ({ gflops }) => gflops.toFixed(0)],
  ['of the loop', ({ loopShare }) => `${(100 * loopShare).toFixed(0)} %`],
  ['time over onnxruntime', ({ overPeer }) => overPeer?.toFixed(2) ?? ''],
  ['error', ({ error }) => error.toExponential(0)],
];

export function decoderTable(rows: readonly DecoderRow[]): string {
  return markdownTable(COLUMNS, rows);
}
