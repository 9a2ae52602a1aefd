import { actionName, type LayerAction } from '../models/layers/actions.js';
import type { Network } from '../models/network.js';
import { PlanBuilder } from '../plan/builder.js';
import type { FloatType, Plan } from '../plan/types.js';

export interface BlocksPlanOptions {
  readonly images: number;
  /** The first so many. Default: all. */
  readonly blocks?: number;
  /** What all layers do; an MLP is one operation where they are calibrated, and stored for that where they are stored. */
  readonly action: LayerAction;
  /** Rank of calibrated layers. */
  readonly rank?: number;
  readonly activations: FloatType;
}

/**
 * Blocks of a network, as a step has them. State: the residual streams, which they update in place, as in a step: what one
 * run leaves, the next begins with. It grows by no more than a step's worth each time, and no time depends on values.
 * State: `modulation`, a row an image, of which the input `rows` says which is whose. Factors are `blocks.0.q.down`
 * and its like.
 */
export function blocksPlan(network: Network, options: BlocksPlanOptions): Plan {
  const { images, blocks = network.blocks.length, action, rank = 0, activations } = options;
  const builder = new PlanBuilder(`blocks.${actionName(action)}`);
  const pairs = network.sublayers.flatMap((sublayer) => sublayer.pairs);
  const isCached = !action.compute || action.keep !== undefined;
  const step = network.step({
    builder,
    geometry: network.latents,
    sequences: images,
    tableRows: images,
    first: 0,
    last: blocks - 1,
    resumes: true,
    cache: {
      form: 'input',
      split: new Set(),
      fused: new Set(isCached ? pairs.map(({ name }) => name) : []),
      rank: () => rank,
      factorPrefix: '',
    },
    activations,
  });
  const actions = new Map(network.layers.map(({ name }) => [name, action]));
  step.resume();
  for (let block = 0; block < blocks; block++) step.block(block, actions);
  return builder.build();
}
