/** The block as incache runs it in a step: the plan of the real graph builder, on one backend. */
import type { DeviceOptions, DeviceTensor, Executable } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { blocksPlan } from '../../src/bench/blocksPlan.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { CALIBRATE, COMPUTE, type LayerAction, STORE } from '../../src/models/layers/actions.js';
import { planCost } from '../../src/plan/cost.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import type { Absent } from '../peer.js';
import type { Tensor } from '../tensor.js';
import { type BlockContender, TOLERANCE } from './contender.js';
import { type BlockProblem, RANK } from './problem.js';

type Options = DeviceOptions & { readonly threads: number; readonly weights: 'f32' | 'bf16' };

/** In full, or with every linear calibrated on what a step on `cachedX` has stored. */
type Kind = keyof typeof ACTIONS;

const ACTIONS = { compute: COMPUTE, calibrate: CALIBRATE } as const;

export async function ours(
  problem: BlockProblem,
  backend: 'native' | 'wasm',
  options: Options,
  kind: Kind,
): Promise<BlockContender | Absent> {
  const full = `incache ${backend} ${options.weights}`;
  const name = kind === 'calibrate' ? `${full}, calibrated` : full;
  const device = await openDevice(backend, options).catch((error: Error) => error);
  if (device instanceof Error) return { name, absent: device.message };
  const { weights: tensorsOfModel, factors, x, cachedX, modulation } = problem;
  const weights = device.loadWeights({
    read: (name) => (tensorsOfModel.get(name) ?? factors.get(name))!.data,
  });
  const tensors = new Map<string, DeviceTensor>();
  const compile = (action: LayerAction): Promise<Executable> => {
    const plan = blockPlan(problem, action, device.activations);
    for (const { name, role, rows, columns, type } of plan.buffers)
      if ((role === 'input' || role === 'state') && !tensors.has(name))
        tensors.set(name, device.allocate(rows, columns, type));
    return device.compile(plan, { weights, tensors });
  };
  const gather = kind === 'calibrate' ? await compile(STORE) : undefined;
  const step = await compile(ACTIONS[kind]);
  const runOn = async (tokens: Tensor, executable: Executable) => {
    await tensors.get('stream')!.write(tokens.data);
    await executable.run();
  };
  return {
    name,
    threads: device.threads,
    replaces: kind === 'calibrate' ? full : undefined,
    loop: backend === 'wasm' ? 'wasm' : `native ${options.weights}`,
    flops: blockFlops(problem, kind),
    tolerance: TOLERANCE[options.weights],
    run: () => step.run(),
    output: async () => {
      await writeModulation(tensors, modulation);
      if (gather) await runOn(cachedX, gather);
      await runOn(x, step);
      return (await tensors.get('stream')!.read()) as Float32Array;
    },
    dispose: () => device.dispose(),
  };
}

/** Of the matrix products, as all contenders of that kind must do them. */
export function blockFlops(problem: BlockProblem, kind: Kind): number {
  return 2 * planCost(blockPlan(problem, ACTIONS[kind], 'f32')).macs;
}

function blockPlan({ config, images }: BlockProblem, action: LayerAction, activations: FloatType): Plan {
  return blocksPlan(ditNetwork({ ...config, depth: 1 }), {
    blocks: 1,
    images,
    action,
    rank: RANK,
    activations,
  });
}

/** A row of the table for each image, of which the block reads the first columns. */
async function writeModulation(
  tensors: ReadonlyMap<string, DeviceTensor>,
  { shape, data }: Tensor,
): Promise<void> {
  const [images, columns] = shape as [number, number];
  const table = tensors.get('modulation')!;
  const values = new Float32Array(images * table.columns);
  for (let image = 0; image < images; image++)
    values.set(data.subarray(image * columns, (image + 1) * columns), image * table.columns);
  await table.write(values);
  await tensors.get('rows')!.write(Int32Array.from({ length: images }, (_, image) => image));
}
