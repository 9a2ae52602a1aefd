import type { LoopShare } from '../loopShare.js';
import type { Statistics, Verdict } from '../statistics.js';
import { markdownTable, percent, ratioWithVerdict, shares, spread } from '../table.js';

/**
 * What was measured of a case on one build, or of a rival. The loop is that of the contender's instruction set and type;
 * of a case without matrix products there is none.
 */
export interface KernelRow extends LoopShare {
  readonly kernel: string;
  readonly shape: string;
  readonly contender: string;
  readonly threads: number;
  /** Of the matrix products, and bytes when every operand moves once. */
  readonly flops: number;
  readonly bytes: number;
  /** In milliseconds. */
  readonly times: Statistics;
  /** Rates of a copy in memory and in a cache, one thread, GB/s read and written. */
  readonly copyGigabytes?: number | undefined;
  readonly cacheGigabytes?: number | undefined;
  /** Bytes a second over those of the copy in memory; above 1 where operands stay in caches. */
  readonly ofCopy?: number | undefined;
  /** How many times as fast as a rival of the same kind on one thread, and whether it could be told. */
  readonly rival?: string | undefined;
  readonly overRival?: number | undefined;
  readonly verdict?: Verdict | undefined;
  /** How many times as fast as one thread in the same type. */
  readonly overOneThread?: number | undefined;
  /** Time over that of what it replaces, and its share of the multiply-adds. */
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
}

export function gflops({ flops, times }: Pick<KernelRow, 'flops' | 'times'>): number {
  return flops / times.median / 1e6;
}

export function gigabytes({ bytes, times }: Pick<KernelRow, 'bytes' | 'times'>): number {
  return bytes / times.median / 1e6;
}

const COLUMNS = [
  ['kernel', (row: KernelRow) => row.kernel],
  ['shape', (row: KernelRow) => row.shape],
  ['', (row: KernelRow) => row.contender],
  ['ms', (row: KernelRow) => row.times.median.toPrecision(3)],
  ['p10 to p90', ({ times }: KernelRow) => spread(times, (value) => value.toPrecision(3))],
  ['rme', ({ times }: KernelRow) => (times.samples ? `${times.rme.toFixed(0)} %` : '')],
  ['GFLOP/s', (row: KernelRow) => (row.flops ? gflops(row).toFixed(1) : '')],
  ['of loop', ({ ofLoop, loopGflops }: KernelRow) => percent(ofLoop, loopGflops)],
  ['GB/s', (row: KernelRow) => (row.bytes ? gigabytes(row).toFixed(1) : '')],
  ['of copy', ({ ofCopy, copyGigabytes }: KernelRow) => percent(ofCopy, copyGigabytes)],
  ['x onnxruntime', ({ overRival, verdict }: KernelRow) => ratioWithVerdict(overRival, verdict)],
  ['x 1 thread', (row: KernelRow) => row.overOneThread?.toFixed(2) ?? ''],
  ['time share / MAC share', shares],
] as const;

export function kernelTable(rows: readonly KernelRow[]): string {
  return markdownTable(COLUMNS, rows);
}
