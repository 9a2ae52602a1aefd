/** Times the whole run of every contender in turn, beside the multiply-add loops of the same rounds. */
import { setTimeout } from 'node:timers/promises';
import { type Contender, interleave, type Times } from '../../src/bench/measure.js';
import { median } from '../../src/median.js';
import { differences } from '../agreement.js';
import { type Loops, openLoops } from '../loops.js';
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

/** Of the contenders, and of the loops. */
type AllTimes = ReadonlyMap<RunContender | Contender, Times>;

/** Throws when a prediction is wrong. */
export async function measureRuns(contenders: readonly RunContender[], turns: RunTurns): Promise<RunRow[]> {
  const predictions: Float32Array[] = [];
  for (const contender of contenders) predictions.push(await contender.prediction());
  const errors = differences(contenders, predictions);
  const loops = await openLoops();
  const times = await timeInTurn(contenders, loops, turns);
  const uninterrupted = await takeInOneGo(contenders, times);
  return Promise.all(
    contenders.map((contender, i) => {
      const loop = loops[contender.loop];
      const find = (name: string | undefined) =>
        contenders.find((other) => other.name === name && other.threads === contender.threads);
      const onnx = find(contender.loop === 'wasm' ? ONNXRUNTIME.wasm : ONNXRUNTIME.native);
      const fastest = fastestPeer(contenders, contender.threads, times);
      const full = find(contender.replaces);
      return runRow({
        contender,
        times: times.get(contender)!,
        turnSteps: turns.turnSteps,
        uninterrupted: uninterrupted.get(contender),
        error: errors[i]!,
        loop: loop && { contender: loop, times: times.get(loop)! },
        onnx: onnx && times.get(onnx),
        fastest: fastest && { name: fastest.name, times: times.get(fastest)! },
        full: full && { flops: full.flops, times: times.get(full)! },
      });
    }),
  );
}

/** The predictions have been the warm-up. */
async function timeInTurn(
  contenders: readonly RunContender[],
  loops: Loops,
  { rounds, turnSteps }: RunTurns,
): Promise<AllTimes> {
  const timed = [...Object.values(loops), ...contenders];
  const turns = timed.map((one) => ('take' in one ? turnOf(one, turnSteps) : one));
  const times = await interleave(turns, { rounds, warmUp: 0 });
  return new Map(timed.map((one, i) => [one, times[i]!]));
}

function turnOf(contender: RunContender, turnSteps: number): Contender {
  const timedRun = async () => {
    await setTimeout(PAUSE);
    return wholeRun(await contender.take(turnSteps), contender.planOfStep);
  };
  return { name: contender.name, flops: contender.flops, timedRun, run: () => timedRun().then(() => {}) };
}

function fastestPeer(
  contenders: readonly RunContender[],
  threads: number,
  times: AllTimes,
): RunContender | undefined {
  const time = (contender: RunContender) => median(times.get(contender)!);
  const peers = contenders.filter((contender) => contender.isPeer && contender.threads === threads);
  return peers.sort((a, b) => time(a) - time(b))[0];
}

/**
 * Milliseconds of all steps without a break, where that shows what the table claims: of native calibrated runs on the
 * most threads and of the fastest peer.
 */
async function takeInOneGo(
  contenders: readonly RunContender[],
  times: AllTimes,
): Promise<Map<RunContender, number>> {
  const most = Math.max(...contenders.map(({ threads }) => threads));
  const fastest = fastestPeer(contenders, most, times);
  const chosen = contenders.filter(
    (contender) =>
      contender === fastest ||
      (contender.threads === most && contender.loop !== 'wasm' && contender.name.includes('calibrated')),
  );
  const taken = new Map<RunContender, number>();
  for (const contender of chosen) {
    await setTimeout(PAUSE);
    taken.set(
      contender,
      (await contender.take(STEPS)).reduce((sum, time) => sum + time, 0),
    );
  }
  return taken;
}
