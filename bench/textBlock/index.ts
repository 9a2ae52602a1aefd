/** A step's block of PixArt-XL/2 at 512 x 512 pixels on incache and on onnxruntime, in full and under cache policies, in turn. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { interleave, medianRatio } from '../../src/bench/measure.js';
import { differences } from '../agreement.js';
import { loopShare } from '../loopShare.js';
import { openLoops } from '../loops.js';
import { present } from '../peer.js';
import { statisticsOf } from '../statistics.js';
import { presentDevices } from '../whole/devices.js';
import { PEERS, peer } from './onnx.js';
import { ours, POLICIES, type Policy, type TextBlockContender } from './ours.js';
import { BLOCKS, textBlockProblem, XL } from './problem.js';
import type { TextBlockRow } from './row.js';

const ROUNDS = 5;
/** Longer than the threads of onnxruntime-node spin after a run. */
const PAUSE = 60;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

export async function textBlock(rounds = ROUNDS, config = XL, devices = presentDevices()) {
  const threads = availableParallelism();
  const problem = textBlockProblem(config);
  const contenders: TextBlockContender[] = [];
  for (const policy of Object.keys(POLICIES) as Policy[])
    for (const choice of devices) contenders.push(await ours(problem, { ...choice, threads }, policy));
  contenders.push(
    ...present<TextBlockContender>([
      await peer(problem, 'native', threads),
      await peer(problem, 'wasm', threads),
    ]),
  );
  const outputs: Float32Array[] = [];
  for (const contender of contenders) outputs.push(await contender.output());
  const errors = differences(contenders, outputs);
  const loops = await openLoops();
  const loopList = Object.values(loops);
  const times = await interleave([...loopList, ...contenders], { rounds, warmUp: 1, pause: PAUSE });
  const timesOf = (name: string | undefined) => {
    const place = contenders.findIndex((one) => one.name === name);
    return place < 0 ? undefined : times[loopList.length + place];
  };
  const rows = await Promise.all(
    contenders.map(async (contender, i): Promise<TextBlockRow> => {
      const { name, loop, flops, steps, replaces } = contender;
      const own = times[loopList.length + i]!;
      const full = timesOf(replaces);
      const rival = replaces ? undefined : timesOf(loop === 'wasm' ? PEERS.wasm : PEERS.native);
      const measured = loops[loop];
      const loopTimes = measured && times[loopList.indexOf(measured)];
      const perStep = own.map((time) => time / steps);
      return {
        ...{ contender: name, threads, flops: flops / steps, times: await statisticsOf(perStep) },
        ...loopShare(measured && { contender: measured, times: loopTimes! }, own, flops, threads),
        overPeer: rival && rival !== own ? medianRatio(rival, own) : undefined,
        timeShare: full && medianRatio(own, full) / steps,
        macShare: full && flops / steps / contenders.find((one) => one.name === replaces)!.flops,
        error: errors[i]!,
      };
    }),
  );
  for (const contender of contenders) await contender.dispose();
  const text = `One of ${BLOCKS} blocks of PixArt-XL/2 at 512 x 512 pixels, a prompt under guidance (two sequences of 1,024 tokens, 120 tokens of text), ${threads} threads; a step's time, over the steps of a period; contenders in turn, medians of ${rounds}.`;
  return { text, rows };
}
