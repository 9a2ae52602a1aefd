/** Some DiT blocks on random values on one device: what the scaling is measured on. */
import type { Device } from '../../src/backend/backend.js';
import { blocksPlan } from '../../src/bench/blocksPlan.js';
import { type Compiled, compileOnRandom } from '../../src/bench/compile.js';
import { namedConfig } from '../../src/models/dit/config.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { CALIBRATE, COMPUTE } from '../../src/models/layers/actions.js';
import { planCost } from '../../src/plan/cost.js';
import type { FloatType, Plan } from '../../src/plan/types.js';

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
  const plan = planOf(shape, device.activations);
  const compiled = await compileOnRandom(device, plan);
  return {
    macs: planCost(plan).macs,
    run: () => compiled.run(),
    [Symbol.dispose]: () => compiled[Symbol.dispose](),
  };
}

export function planOf({ images, tokens, depth, rank }: BlocksShape, activations: FloatType): Plan {
  const config = namedConfig(SIZE);
  const inputSize = Math.sqrt(tokens) * config.patchSize;
  const action = rank === undefined ? COMPUTE : CALIBRATE;
  return blocksPlan(ditNetwork({ ...config, depth, inputSize }), {
    images,
    action,
    activations,
    ...(rank !== undefined && { rank }),
  });
}
