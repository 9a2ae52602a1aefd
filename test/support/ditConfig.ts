import type { DenoiserCheckpoint } from '../../src/engine/checkpoint.js';
import type { DiTConfig } from '../../src/models/dit/config.js';

/** The configuration of a checkpoint that is known to be a DiT's. */
export function ditConfig({ network }: Pick<DenoiserCheckpoint, 'network'>): DiTConfig {
  return network.config as DiTConfig;
}
