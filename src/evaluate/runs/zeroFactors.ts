/** Factors whose increments are nothing, for measurements of what is calibrated. */
import { FactorSet, type LayerFactors } from '../../cache/data/factorSet.js';
import { BLOCK_LINEARS, layerName, linearShape } from '../../models/dit/index.js';
import type { DiTPipeline } from '../../pipeline/pipeline.js';
import { VERSION } from '../../version.js';

/** Of rank 1: rank 0 would be reuse, which leaves out the whole sublayer. */
export function zeroFactors({ config, checkpoint }: DiTPipeline): FactorSet {
  const layers = new Map<string, LayerFactors>();
  for (let block = 0; block < config.depth; block++)
    for (const linear of BLOCK_LINEARS) {
      const { inputs: columns, outputs: rows } = linearShape(linear, config);
      const [up, down] = [new Float32Array(rows), new Float32Array(columns)];
      layers.set(layerName(block, linear), { rank: 1, rows, columns, up, down });
    }
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
    layers,
  );
}
