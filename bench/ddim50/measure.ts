/** Times the whole run of every contender in turn, beside the multiply-add loops of the same rounds. */
import { setTimeout } from 'node:timers/promises';
import { type Contender, interleave, median, type Times } from '../../src/bench/measure.js';
import { differences } from '../agreement.js';
import { openLoops } from '../loops.js';
import type { RunContender } from './contender.js';
import { ONNXRUNTIME } from './peers.js';
import { STEPS } from './problem.js';
import { type RunRow, runRow } from './row.js';
import { wholeRun } from './wholeRun.js';

export interface RunTurns {
  readonly rounds: number;
  /** Steps that a contender takes in a turn: with those of a period of 3 and of 2 among them. */
  readonly turnSteps: number;
}

/** Longer than the threads of onnxruntime-node spin after a run (measured: 28 ms). */
const PAUSE = 60;

/** Throws when a prediction is wrong. */
export async function measureRuns(contenders: readonly RunContender[], turns: RunTurns): Promise<RunRow[]> {
  const predictions: Float32Array[] = [];
  for (const contender of contenders) predictions.push(await contender.prediction());
  const errors = differences(contenders, predictions);
  const loops = await openLoops();
  const loopList = Object.values(loops);
  const { rounds, turnSteps } = turns;
  const inTurn = [...loopList, ...contenders.map((contender) => turnOf(contender, turnSteps))];
  // The predictions have been the warm-up.
  const all = await interleave(inTurn, { rounds, warmUp: 0 });
  const timesOf = (contender: RunContender | undefined): Times | undefined =>
    contender && all[loopList.length + contenders.indexOf(contender)];
  const fastestOf = (contender: RunContender) => fastestPeer(contenders, contender, timesOf);
  const uninterrupted = await takeInOneGo(contenders, fastestOf);
  return Promise.all(
    contenders.map((contender, i) => {
      const loop = loops[contender.loop];
      const { threads, replaces } = contender;
      const find = (name: string | undefined) =>
        contenders.find((other) => other.name === name && other.threads === threads);
      const full = find(replaces);
      const fastest = fastestOf(contender);
      return runRow({
        contender,
        times: timesOf(contender)!,
        turnSteps,
        uninterrupted: uninterrupted.get(contender),
        error: errors[i]!,
        loop: loop && { contender: loop, times: all[loopList.indexOf(loop)]! },
        onnx: timesOf(find(contender.loop === 'wasm' ? ONNXRUNTIME.wasm : ONNXRUNTIME.native)),
        fastest: fastest && { name: fastest.name, times: timesOf(fastest)! },
        full: full && { flops: full.flops, times: timesOf(full)! },
      });
    }),
  );
}

function turnOf(contender: RunContender, turnSteps: number): Contender {
  const timedRun = async () => {
    await setTimeout(PAUSE);
    return wholeRun(await contender.take(turnSteps), contender.planOfStep);
  };
  return { name: contender.name, flops: contender.flops, timedRun, run: () => timedRun().then(() => {}) };
}

/** On as many threads as `than`. */
function fastestPeer(
  contenders: readonly RunContender[],
  than: RunContender,
  timesOf: (contender: RunContender) => Times | undefined,
): RunContender | undefined {
  const time = (contender: RunContender) => median(timesOf(contender)!);
  const peers = contenders.filter(({ isPeer, threads }) => isPeer && threads === than.threads);
  return peers.sort((a, b) => time(a) - time(b))[0];
}

/**
 * Milliseconds of all steps without a break, where that shows what the table claims: of native calibrated runs on the
 * most threads and of the fastest peer.
 */
async function takeInOneGo(
  contenders: readonly RunContender[],
  fastestOf: (contender: RunContender) => RunContender | undefined,
): Promise<Map<RunContender, number>> {
  const most = Math.max(...contenders.map(({ threads }) => threads));
  const times = new Map<RunContender, number>();
  for (const contender of contenders) {
    const { threads, loop, name } = contender;
    if (threads < most || loop === 'wasm') continue;
    if (!name.includes('calibrated') && contender !== fastestOf(contender)) continue;
    await setTimeout(PAUSE);
    times.set(
      contender,
      (await contender.take(STEPS)).reduce((sum, time) => sum + time, 0),
    );
  }
  return times;
}
