/** A picture of 256 pixels from its latent: Stable Diffusion's decoder on incache and on onnxruntime, in turn. */
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { openDevice } from '../../src/backend/choose.js';
import { type Contender, interleave } from '../../src/bench/measure.js';
import { BoundPlan } from '../../src/engine/boundPlan.js';
import { decoderPlan } from '../../src/models/vae/graph.js';
import { differences } from '../agreement.js';
import { type LoopName, openLoops } from '../loops.js';
import { openModel, type Runtime } from '../onnx/openModel.js';
import { onnxruntimeNode, onnxruntimeWeb } from '../onnx/runtime.js';
import { decoderModel } from '../onnx/vaeGraph.js';
import { type Absent, absentPeer, present } from '../peer.js';
import { type Statistics, statisticsOf } from '../statistics.js';
import { type DeviceChoice, deviceName, presentDevices } from '../whole/devices.js';
import { CONFIG, type DecoderProblem, decoderProblem } from './problem.js';
import type { DecoderRow } from './row.js';

interface DecoderContender extends Contender {
  readonly threads: number;
  readonly loop: LoopName;
  readonly tolerance: number;
  readonly peer?: string | undefined;
  output(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

const LATENT_SIDE = 32;
const ROUNDS = 3;
const PEERS = { native: 'onnxruntime-node', wasm: 'onnxruntime-web' } as const;
const TOLERANCE = { f32: 1e-4, bf16: 5e-2 } as const;

// Node.js 20 has relaxed SIMD behind a flag; later ones have it anyway.
setFlagsFromString('--experimental-wasm-relaxed-simd');

export async function decoder(rounds = ROUNDS, side = LATENT_SIDE, devices = presentDevices()) {
  const threads = availableParallelism();
  const problem = decoderProblem(side);
  const contenders = present<DecoderContender>([
    ...(await Promise.all(devices.map((choice) => ours(problem, { ...choice, threads })))),
    await peer(problem, 'native', threads),
    await peer(problem, 'wasm', threads),
  ]);
  const outputs: Float32Array[] = [];
  for (const contender of contenders) outputs.push(await contender.output());
  const errors = differences(contenders, outputs);
  const loops = await openLoops();
  const loopList = Object.values(loops);
  const all = [...loopList, ...contenders];
  const times = await interleave(all, { rounds, warmUp: 1 });
  const statistics = await Promise.all(times.map(statisticsOf));
  const of = (name: string | undefined) => statistics[all.findIndex((one) => one.name === name)];
  const rows = contenders.map(({ name, loop, peer }, i): DecoderRow => {
    const own = statistics[loopList.length + i]!;
    const speed = (flops: number, { median }: Statistics) => flops / median / 1e6;
    const measured = loops[loop];
    const loopTimes = of(measured?.name);
    const rival = of(peer);
    return {
      contender: name,
      threads,
      times: own,
      gflops: speed(problem.flops, own),
      // The loop runs on one thread.
      loopShare:
        measured && loopTimes ? speed(problem.flops, own) / speed(measured.flops, loopTimes) / threads : 0,
      ...(rival && { overPeer: own.median / rival.median }),
      error: errors[i]!,
    };
  });
  for (const contender of contenders) await contender.dispose();
  const pixels = 8 * side;
  const text = `Stable Diffusion's decoder with random weights, a picture of ${pixels} x ${pixels} from its latent, ${threads} threads; contenders in turn, medians of ${rounds}.`;
  return { text, rows };
}

async function ours(
  problem: DecoderProblem,
  choice: DeviceChoice & { threads: number },
): Promise<DecoderContender> {
  const { backend, weights, threads } = choice;
  const device = await openDevice(backend, { weights, threads });
  const source = device.loadWeights({ read: (name) => problem.tensor(name).data });
  const size = { height: problem.side, width: problem.side };
  const plan = decoderPlan(CONFIG, { ...size, activations: device.activations });
  const bound = await BoundPlan.compile(device, source, plan);
  const output = () => bound.run({ latents: problem.latents.data }, 'image');
  return {
    name: deviceName(choice),
    threads: choice.threads,
    flops: problem.flops,
    loop: backend === 'wasm' ? 'wasm' : `native ${weights}`,
    tolerance: TOLERANCE[weights],
    peer: PEERS[backend],
    run: () => output().then(() => {}),
    output,
    dispose: () => device.dispose(),
  };
}

async function peer(
  problem: DecoderProblem,
  kind: 'native' | 'wasm',
  threads: number,
): Promise<DecoderContender | Absent> {
  const name = PEERS[kind];
  let runtime: Runtime;
  try {
    runtime = kind === 'native' ? onnxruntimeNode() : await onnxruntimeWeb(threads);
  } catch (error) {
    return absentPeer(name, error, kind === 'native' ? undefined : 'npm ci');
  }
  const size = { height: problem.side, width: problem.side };
  const model = decoderModel({ config: CONFIG, tensor: problem.tensor, ...size });
  const opened = await openModel(runtime, model, { latents: problem.latents }, threads);
  return {
    name,
    threads,
    flops: problem.flops,
    loop: kind === 'native' ? 'native f32' : 'wasm',
    tolerance: TOLERANCE.f32,
    ...opened,
  };
}
