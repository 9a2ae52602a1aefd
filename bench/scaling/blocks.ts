/** Some DiT blocks on random values on one device: what the scaling is measured on. */
import type { Device } from '../../src/backend/backend.js';
import { type LinearAction, uniformActions } from '../../src/models/actions.js';
import { emitBlock } from '../../src/models/block.js';
import { type DiTConfig, namedConfig } from '../../src/models/config.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import { planCost } from '../../src/plan/cost.js';
import type { Plan } from '../../src/plan/types.js';
import { type Compiled, compileOnRandom } from '../kernels/compile.js';

export interface BlocksShape {
  readonly images: number;
  /** Of an image; a square number. */
  readonly tokens: number;
  readonly depth: number;
  /** Of calibrated linears; in full without. */
  readonly rank?: number;
}

export interface Blocks extends Compiled {
  readonly macs: number;
}

/** Small enough for 4096 tokens in WebAssembly, wide enough for products to be most of it. */
const SIZE = 'DiT-S/2';

export async function openBlocks(device: Device, shape: BlocksShape): Promise<Blocks> {
  const plan = blocksPlan(shape, device);
  const compiled = await compileOnRandom(device, plan);
  return {
    macs: planCost(plan).macs,
    run: () => compiled.run(),
    [Symbol.dispose]: () => compiled[Symbol.dispose](),
  };
}

export function blocksPlan(
  { images, tokens, depth, rank }: BlocksShape,
  { activations }: Pick<Device, 'activations'>,
): Plan {
  const config = configOf(tokens, depth);
  const builder = new PlanBuilder('blocks');
  const action: LinearAction = rank === undefined ? 'compute' : 'calibrate';
  const cache = {
    form: 'input',
    splitQkv: Array(depth).fill(false),
    fusedMlp: Array(depth).fill(rank !== undefined),
    rank: () => rank ?? 0,
    factorPrefix: '',
  } as const;
  const x = builder.state('x', images * tokens, config.hiddenSize);
  const modulation = builder.input('modulation', images, 6 * config.hiddenSize);
  for (let block = 0; block < depth; block++)
    emitBlock({ builder, config, cache, activations }, block, uniformActions(action), x, modulation);
  return builder.build();
}

function configOf(tokens: number, depth: number): DiTConfig {
  const config = namedConfig(SIZE);
  return { ...config, depth, inputSize: Math.sqrt(tokens) * config.patchSize };
}
