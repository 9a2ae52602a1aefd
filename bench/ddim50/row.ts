/** What is said of a contender, the table of it, and the answer to what the benchmark asks. */
import { medianRatio, type Times } from '../../src/bench/measure.js';
import { type LoopShare, loopShare, type Timed } from '../loopShare.js';
import { type Statistics, statisticsOf, type Verdict, verdict } from '../statistics.js';
import { type Columns, markdownTable, percent, ratioWithVerdict, shares, spread } from '../table.js';
import type { RunContender } from './contender.js';

export interface RunRow extends LoopShare {
  readonly contender: string;
  readonly threads: number;
  readonly isPeer: boolean;
  /** Steps of the run that a turn took. */
  readonly turnSteps: number;
  /** Milliseconds of a whole run by the steps of each turn (`wholeRun.ts`). */
  readonly times: Statistics;
  /** Milliseconds of one run that was taken from its first step to its last. */
  readonly uninterrupted?: number | undefined;
  /** Of the matrix products of the whole run. */
  readonly flops: number;
  /** How many times as fast as onnxruntime of its kind (web, node) on as many threads. */
  readonly overOnnx?: number | undefined;
  /** The fastest peer on as many threads, how many times as fast as it, and whether it could be told. */
  readonly fastestPeer?: string | undefined;
  readonly overFastest?: number | undefined;
  readonly verdict?: Verdict | undefined;
  /** Of a run with a cache: time over that of the full one, and its share of the multiply-adds. */
  readonly timeShare?: number | undefined;
  readonly macShare?: number | undefined;
  /** Relative L2 difference of the second step's prediction from that of the first contender of its kind. */
  readonly error: number;
}

/** A contender with its times, and what it is compared with in the same rounds. */
export interface MeasuredRun {
  readonly contender: RunContender;
  readonly times: Times;
  readonly turnSteps: number;
  readonly uninterrupted: number | undefined;
  readonly error: number;
  readonly loop: Timed | undefined;
  readonly onnx: Times | undefined;
  readonly fastest: { readonly name: string; readonly times: Times } | undefined;
  readonly full: { readonly flops: number; readonly times: Times } | undefined;
}

export async function runRow(measured: MeasuredRun): Promise<RunRow> {
  const { contender, times, turnSteps, uninterrupted, error, loop, onnx, fastest, full } = measured;
  const { name, threads, isPeer, flops } = contender;
  return {
    contender: name,
    threads,
    isPeer,
    turnSteps,
    times: await statisticsOf(times),
    uninterrupted,
    flops,
    ...loopShare(loop, times, flops, threads),
    overOnnx: onnx && medianRatio(onnx, times),
    fastestPeer: fastest?.name,
    overFastest: fastest && medianRatio(fastest.times, times),
    verdict: fastest && fastest.times !== times ? await verdict(times, fastest.times) : undefined,
    timeShare: full && medianRatio(times, full.times),
    macShare: full && flops / full.flops,
    error,
  };
}

const seconds = (milliseconds: number) => (milliseconds / 1000).toFixed(2);

/** Seconds that the multiply-adds alone take, at the loop's rate on every thread. */
function floor({ flops, loopGflops, threads }: RunRow): string {
  return loopGflops === undefined ? '' : seconds(flops / (loopGflops * threads) / 1e6);
}

const COLUMNS: Columns<RunRow> = [
  ['threads', ({ threads }) => threads],
  ['', ({ contender }) => contender],
  ['50 steps, s', ({ times }) => seconds(times.median)],
  ['p10 to p90', ({ times }) => spread(times, seconds)],
  ['floor, s', floor],
  ['of loop', ({ ofLoop, loopGflops }) => percent(ofLoop, loopGflops)],
  ['x onnxruntime', ({ overOnnx }) => overOnnx?.toFixed(2) ?? ''],
  ['x fastest peer', ({ overFastest, verdict }) => ratioWithVerdict(overFastest, verdict)],
  ['time share / MAC share', shares],
  ['in one go, s', ({ uninterrupted }) => (uninterrupted === undefined ? '' : seconds(uninterrupted))],
  ['difference', ({ error }) => error.toExponential(1)],
];

export function runTable(rows: readonly RunRow[]): string {
  return markdownTable(COLUMNS, rows);
}

/** A sentence for each number of threads: our fastest calibrated runs against the fastest peer's uncached one. */
export function answer(rows: readonly RunRow[]): string {
  const threads = [...new Set(rows.map((row) => row.threads))];
  return threads.flatMap((count) => answerOn(rows.filter((row) => row.threads === count))).join(' ');
}

/** On one number of threads; nothing where there was no peer. */
function answerOn(rows: readonly RunRow[]): string[] {
  const peer = rows.find(({ isPeer, contender, fastestPeer }) => isPeer && contender === fastestPeer);
  const calibrated = rows.filter(({ contender }) => contender.includes(', calibrated'));
  if (!peer || calibrated.length === 0) return [];
  const fastest = calibrated.reduce((a, b) => (b.times.median < a.times.median ? b : a));
  const [device] = fastest.contender.split(', ');
  const runs = calibrated
    .filter(({ contender }) => contender.startsWith(`${device},`))
    .map((run) => `${run.contender} takes ${seconds(run.times.median)} s, ${overPeer(run, peer)}`);
  const threads = peer.threads === 1 ? '1 thread' : `${peer.threads} threads`;
  return [
    `On ${threads} the fastest peer, without a cache, is ${peer.contender} with ${seconds(peer.times.median)} s; ${runs.join('; ')}.`,
  ];
}

function overPeer(run: RunRow, peer: RunRow): string {
  const times = `${run.overFastest!.toFixed(2)} times as fast`;
  if (run.uninterrupted === undefined || peer.uninterrupted === undefined) return times;
  return `${times} (in one go ${(peer.uninterrupted / run.uninterrupted).toFixed(2)})`;
}
