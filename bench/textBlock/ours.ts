/** The block as incache runs it in a step, under a cache policy: a contender's run is the steps of one period. */
import type { DeviceTensor, Executable } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { blocksPlan } from '../../src/bench/blocksPlan.js';
import {
  CALIBRATE,
  COMPUTE,
  type LayerAction,
  REUSE,
  STORE,
  STORE_OUTPUT,
} from '../../src/models/layers/actions.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { planCost } from '../../src/plan/cost.js';
import type { FloatType, Plan } from '../../src/plan/types.js';
import { type BlockContender, TOLERANCE } from '../block/contender.js';
import { type DeviceChoice, deviceName } from '../whole/devices.js';
import { PERIOD, RANK, type TextBlockProblem } from './problem.js';

/** What the steps of a period do with every layer. */
export const POLICIES = {
  full: [COMPUTE],
  [`reuse, p = ${PERIOD}`]: [STORE_OUTPUT, REUSE],
  [`calibrated, p = ${PERIOD}, rank ${RANK}`]: [STORE, CALIBRATE],
} as const satisfies Readonly<Record<string, readonly LayerAction[]>>;

export type Policy = keyof typeof POLICIES;

export interface TextBlockContender extends BlockContender {
  /** Steps of a run. */
  readonly steps: number;
}

export async function ours(
  problem: TextBlockProblem,
  choice: DeviceChoice & { readonly threads: number },
  policy: Policy,
): Promise<TextBlockContender> {
  const { backend, weights, threads } = choice;
  const device = await openDevice(backend, { weights, threads });
  const source = device.loadWeights({ read: (name) => problem.tensors.get(name)!.data });
  const tensors = new Map<string, DeviceTensor>();
  const compiled: Executable[] = [];
  for (const action of POLICIES[policy]) {
    const plan = blockPlan(problem, action, device.activations);
    for (const { name, role, rows, columns, type } of plan.buffers)
      if ((role === 'input' || role === 'state') && !tensors.has(name))
        tensors.set(name, device.allocate(rows, columns, type));
    compiled.push(await device.compile(plan, { weights: source, tensors }));
  }
  const full = deviceName(choice);
  return {
    name: policy === 'full' ? full : `${full}, ${policy}`,
    threads: device.threads,
    steps: compiled.length,
    replaces: policy === 'full' ? undefined : full,
    loop: backend === 'wasm' ? 'wasm' : `native ${weights}`,
    flops: policyFlops(problem, policy),
    tolerance: TOLERANCE[weights],
    run: async () => {
      for (const step of compiled) await step.run();
    },
    output: async () => {
      await writeConditions(tensors, problem);
      const steps = compiled.length === 1 ? [problem.x] : [problem.cachedX, problem.x];
      for (const [i, tokens] of steps.entries()) {
        await tensors.get('stream')!.write(tokens.data);
        await compiled[i]!.run();
      }
      return (await tensors.get('stream')!.read()) as Float32Array;
    },
    dispose: () => device.dispose(),
  };
}

/** Of the matrix products of a run: of all steps of a period. */
export function policyFlops(problem: TextBlockProblem, policy: Policy): number {
  return POLICIES[policy].reduce(
    (sum, action) => sum + 2 * planCost(blockPlan(problem, action, 'f32')).macs,
    0,
  );
}

export function blockPlan(
  { config, sequences: images, rank }: TextBlockProblem,
  action: LayerAction,
  activations: FloatType,
): Plan {
  return blocksPlan(pixartNetwork(config), { blocks: 1, images, action, rank, activations });
}

/** A row of the table for each sequence, of which the block reads the first columns, and the text of each. */
async function writeConditions(
  tensors: ReadonlyMap<string, DeviceTensor>,
  { modulation, sequences, text, config }: TextBlockProblem,
): Promise<void> {
  const table = tensors.get('modulation')!;
  const values = new Float32Array(sequences * table.columns);
  const columns = 6 * config.hiddenSize;
  for (let row = 0; row < sequences; row++)
    values.set(modulation.data.subarray(row * columns, (row + 1) * columns), row * table.columns);
  await table.write(values);
  await tensors.get('rows')!.write(Int32Array.from({ length: sequences }, (_, row) => row));
  // Where cross-attention is taken from the cache in all steps nothing reads the text.
  await tensors.get('text.blocks.0')?.write(text.data);
  await tensors.get('textLengths')?.write(new Int32Array(sequences).fill(config.captionTokens));
}
