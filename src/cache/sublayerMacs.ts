/** Multiply-accumulates of a step's sublayers for one sequence, as `planCost` counts them in a plan. */

import { type DiTConfig, outChannels, tokensOf } from '../models/dit/config.js';
import { type BlockLinear, layerName, linearShape } from '../models/layers/actions.js';

/** Of a sublayer, or of several as one part, at a step. Reuse takes none. */
export interface PartMacs {
  readonly compute: number;
  /** Undefined where there is no increment, with which the part would be reused. */
  readonly calibrate: number | undefined;
}

const LINEARS: readonly (readonly BlockLinear[])[] = [
  ['q', 'k', 'v', 'proj'],
  ['fc1', 'fc2'],
];

/** Attention and MLP of every block, in the order of the columns of a schedule. */
export function sublayerMacs(config: DiTConfig, rank: (layer: string) => number): PartMacs[] {
  const tokens = tokensOf(config);
  const attention = 2 * tokens * tokens * config.hiddenSize;
  return Array.from({ length: config.depth }, (_, block) =>
    LINEARS.map((linears, sublayer) => {
      const products = sublayer === 0 ? attention : 0;
      let [compute, calibrate] = [products, products];
      for (const linear of linears) {
        const { inputs, outputs } = linearShape(linear, config);
        compute += tokens * inputs * outputs;
        calibrate += tokens * rank(layerName(block, linear)) * (inputs + outputs);
      }
      const last = layerName(block, linears.at(-1)!);
      return { compute, calibrate: rank(last) > 0 ? calibrate : undefined };
    }),
  ).flat();
}

/** Of what runs at every step whatever is cached: patch embedding and final layer. */
export function fixedMacs(config: DiTConfig): number {
  const { patchSize, inChannels, hiddenSize } = config;
  return tokensOf(config) * hiddenSize * patchSize ** 2 * (inChannels + outChannels(config));
}
