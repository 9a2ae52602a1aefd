/** What is said of a contender, and the table of it. */
import { medianRatio } from '../../src/bench/measure.js';
import { type LoopShare, loopShare, type Timed } from '../loopShare.js';
import { type Statistics, statisticsOf, type Verdict, verdict } from '../statistics.js';
import { type Columns, markdownTable, percent, ratioWithVerdict, shares, spread } from '../table.js';
import type { BlockContender } from './contender.js';

export interface BlockRow extends LoopShare {
  readonly contender: string;
  readonly threads: number;
  /** In milliseconds. */
  readonly times: Statistics;
  /** Of the matrix products. */
  readonly flops: number;
  /** How many times as fast as onnxruntime-node on as many threads, round by round. */
  readonly overOnnx?: number | undefined;
  /** Whether it could be told. */
  readonly verdict?: Verdict | undefined;
  /** The same over peers of its kind: in WebAssembly onnxruntime-web and tfjs, of native code PyTorch in its type. */
  readonly overWeb?: number | undefined;
  readonly overTfjs?: number | undefined;
  readonly overTorch?: number | undefined;
  /** Of a calibrated block: time over that of the full one, round by round, and its share of the multiply-adds. */
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
  /** Relative L2 difference of its output from that of the first contender of its kind. */
  readonly error: number;
}

/** Whom a contender is held against, by the field that says so. */
export type Rivals = Readonly<
  Partial<Record<'overOnnx' | 'overWeb' | 'overTfjs' | 'overTorch', Timed | undefined>>
>;

/** A contender with its times, and what it is compared with in the same rounds. */
export interface Measured extends Timed {
  readonly contender: BlockContender;
  readonly error: number;
  readonly loop: Timed | undefined;
  readonly rivals: Rivals;
  readonly full: Timed | undefined;
}

export async function blockRow({ contender, times, error, loop, rivals, full }: Measured): Promise<BlockRow> {
  const { name, threads, flops } = contender;
  const onnx = rivals.overOnnx;
  const over = (rival: Timed | undefined) => rival && medianRatio(rival.times, times);
  return {
    contender: name,
    threads,
    times: await statisticsOf(times),
    flops,
    ...loopShare(loop, times, flops, threads),
    overOnnx: over(onnx),
    verdict: onnx && onnx.times !== times ? await verdict(times, onnx.times) : undefined,
    overWeb: over(rivals.overWeb),
    overTfjs: over(rivals.overTfjs),
    overTorch: over(rivals.overTorch),
    timeShare: full && medianRatio(times, full.times),
    macShare: full && flops / full.contender.flops,
    error,
  };
}

const COLUMNS: Columns<BlockRow> = [
  ['threads', (row) => row.threads],
  ['', (row) => row.contender],
  ['ms', ({ times }) => times.median.toFixed(1)],
  ['p10 to p90', ({ times }) => spread(times, (value) => value.toFixed(1))],
  ['GFLOP/s', ({ flops, times }) => (flops / times.median / 1e6).toFixed(0)],
  ['of loop', ({ ofLoop, loopGflops }) => percent(ofLoop, loopGflops)],
  ['x onnxruntime-node', ({ overOnnx, verdict }) => ratioWithVerdict(overOnnx, verdict)],
  ['x onnxruntime-web', ({ overWeb }) => overWeb?.toFixed(2) ?? ''],
  ['x tfjs', ({ overTfjs }) => overTfjs?.toFixed(2) ?? ''],
  ['x PyTorch', ({ overTorch }) => overTorch?.toFixed(2) ?? ''],
  ['time share / MAC share', shares],
  ['difference', ({ error }) => error.toExponential(1)],
];

export function blockTable(rows: readonly BlockRow[]): string {
  return markdownTable(COLUMNS, rows);
}
