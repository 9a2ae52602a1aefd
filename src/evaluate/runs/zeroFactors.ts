/** Factors whose increments are nothing, for measurements of what is calibrated. */
import { FactorSet, type LayerFactors } from '../../cache/data/factorSet.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { VERSION } from '../../version.js';

/** They have rank 1; rank 0 would be reuse, which leaves out the whole sublayer. */
export function zeroFactors({ network, checkpoint }: Pipeline): FactorSet {
  const layers = network.layers.map(({ name, inputs: columns, outputs: rows }): [string, LayerFactors] => {
    const [up, down] = [new Float32Array(rows), new Float32Array(columns)];
    return [name, { rank: 1, rows, columns, up, down }];
  });
  return new FactorSet(
    {
      method: 'svd',
      modelHash: checkpoint.hash,
      source: 'zeros',
      seed: 0,
      images: 0,
      sampler: 'none',
      steps: 0,
      createdBy: `incache ${VERSION}`,
    },
    new Map(layers),
  );
}
