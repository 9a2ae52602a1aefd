import type { LoopShare } from '../loopShare.js';
import type { Statistics } from '../statistics.js';
import { type Columns, markdownTable, percent, shares, spread } from '../table.js';

export interface TextBlockRow extends LoopShare {
  readonly contender: string;
  readonly threads: number;
  /** Milliseconds of a step, the mean over a period. */
  readonly times: Statistics;
  /** Of a step's matrix products. */
  readonly flops: number;
  /** How many times as fast as onnxruntime of its kind, round by round. */
  readonly overPeer?: number | undefined;
  /** Of a cache policy: a step's time over that of the full block, round by round, and its share of the multiply-adds. */
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
  /** Relative L2 difference of its output from that of the first contender of its kind. */
  readonly error: number;
}

const COLUMNS: Columns<TextBlockRow> = [
  ['', ({ contender }) => contender],
  ['ms', ({ times }) => times.median.toFixed(0)],
  ['p10 to p90', ({ times }) => spread(times, (value) => value.toFixed(0))],
  ['GFLOP/s', ({ flops, times }) => (flops / times.median / 1e6).toFixed(0)],
  ['of loop', ({ ofLoop, loopGflops }) => percent(ofLoop, loopGflops)],
  ['x onnxruntime', ({ overPeer }) => overPeer?.toFixed(2) ?? ''],
  ['time share / MAC share', shares],
  ['difference', ({ error }) => error.toExponential(1)],
];

export function textBlockTable(rows: readonly TextBlockRow[]): string {
  return markdownTable(COLUMNS, rows);
}
