import { emitBlock } from '../models/dit/block.js';
import { type DiTConfig, tokensOf } from '../models/dit/config.js';
import { type LinearAction, uniformActions } from '../models/layers/actions.js';
import { PlanBuilder } from '../plan/builder.js';
import type { FloatType, Plan } from '../plan/types.js';

export interface BlocksPlanOptions {
  readonly images: number;
  /** What all linears do; the MLP is one operation where they are calibrated, and stored for that where they are stored. */
  readonly action: LinearAction;
  /** Of calibrated linears. */
  readonly rank?: number;
  readonly activations: FloatType;
}

/**
 * The `config.depth` blocks of a DiT, as the real graph builder makes them, all on the same modulation.
 * State: `x` (images * tokens x hidden), which they update in place, as in a step: what one run leaves, the next begins
 * with. It grows by no more than a step's worth each time, and no time depends on values. Input: `modulation` (images x
 * 6 hidden). Factors are `blocks.0.q.down` and its like.
 */
export function blocksPlan(config: DiTConfig, options: BlocksPlanOptions): Plan {
  const { images, action, rank = 0, activations } = options;
  const { depth, hiddenSize } = config;
  const builder = new PlanBuilder(`blocks.${action}`);
  const cache = {
    form: 'input',
    splitQkv: Array(depth).fill(false),
    fusedMlp: Array(depth).fill(action !== 'compute'),
    rank: () => rank,
    factorPrefix: '',
  } as const;
  const x = builder.state('x', images * tokensOf(config), hiddenSize);
  const modulation = builder.input('modulation', images, 6 * hiddenSize);
  for (let block = 0; block < depth; block++)
    emitBlock({ builder, config, cache, activations }, block, uniformActions(action), x, modulation);
  return builder.build();
}
