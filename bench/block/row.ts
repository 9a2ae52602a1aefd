/** What is said of a contender, and the table of it. */
import { type Contender, median, medianRatio, type Times } from '../measure.js';
import { shares } from '../results.js';
import type { BlockContender } from './contender.js';

export interface BlockRow {
  readonly contender: string;
  readonly threads: number;
  readonly milliseconds: number;
  readonly gflops: number;
  /** The multiply-add loop and its rate on one thread. */
  readonly loop?: string | undefined;
  readonly loopGflops?: number | undefined;
  /** Rate over that of the loop times the threads, round by round. */
  readonly ofLoop?: number | undefined;
  /** How many times as fast as onnxruntime-node on as many threads, round by round. */
  readonly overOnnx?: number | undefined;
  /** Of a calibrated block: time over that of the full one, round by round, and its share of the multiply-adds. */
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
  /** Relative L2 difference of its output from that of the first contender of its kind. */
  readonly error: number;
}

export interface Timed {
  readonly contender: Contender;
  readonly times: Times;
}

/** A contender with its times, and what it is compared with in the same rounds. */
export interface Measured extends Timed {
  readonly contender: BlockContender;
  readonly error: number;
  readonly loop: Timed | undefined;
  readonly onnx: Timed | undefined;
  readonly full: Timed | undefined;
}

export function blockRow({ contender, times, error, loop, onnx, full }: Measured): BlockRow {
  const { name, threads, flops } = contender;
  const loopFlops = loop?.contender.flops ?? 0;
  const milliseconds = median(times);
  return {
    contender: name,
    threads,
    milliseconds,
    gflops: flops / milliseconds / 1e6,
    loop: loop?.contender.name,
    loopGflops: loop && loopFlops / median(loop.times) / 1e6,
    ofLoop: loop && (medianRatio(loop.times, times) * flops) / (loopFlops * threads),
    overOnnx: onnx && medianRatio(onnx.times, times),
    timeShare: full && medianRatio(times, full.times),
    macShare: full && flops / full.contender.flops,
    error,
  };
}

const COLUMNS = [
  ['threads', (row: BlockRow) => row.threads],
  ['', (row: BlockRow) => row.contender],
  ['ms', (row: BlockRow) => row.milliseconds.toFixed(1)],
  ['GFLOP/s', (row: BlockRow) => row.gflops.toFixed(0)],
  ['of loop', (row: BlockRow) => ofLoop(row)],
  ['x onnxruntime-node', (row: BlockRow) => row.overOnnx?.toFixed(2) ?? ''],
  ['time share / MAC share', shares],
  ['difference', (row: BlockRow) => row.error.toExponential(1)],
] as const;

/** `94 % of 180`, of 180 GFLOP/s on each thread. */
function ofLoop({ ofLoop, loopGflops }: BlockRow): string {
  if (ofLoop === undefined || loopGflops === undefined) return '';
  return `${(ofLoop * 100).toFixed(0)} % of ${loopGflops.toFixed(0)}`;
}

export function blockTable(rows: readonly BlockRow[]): string {
  const lines = [COLUMNS.map(([title]) => title), COLUMNS.map(() => '---')];
  for (const row of rows) lines.push(COLUMNS.map(([, cell]) => `${cell(row)}`));
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
