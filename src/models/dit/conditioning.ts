/** What of a DiT depends on timestep and label alone: embeddings, and the adaLN of every block. It is run before the steps. */
import { type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import { emitLinear } from '../emitLinear.js';
import { emitEmbedder } from '../transformer/conditioning.js';
import { BLOCK_VECTORS, FINAL_VECTORS, FREQUENCY_SIZE, tableWidth } from '../transformer/config.js';
import { type DiTConfig, embedderPrefixes } from './config.js';

/**
 * The conditioning of `rows` pairs of timestep and label.
 * Inputs: `timesteps` rows x 1 (may be fractional), `labels` i32 rows x 1. State: `modulation`.
 */
export function emitTable(builder: PlanBuilder, config: DiTConfig, rows: number): void {
  const c = config.hiddenSize;
  const conditionings = embedderPrefixes(config).map((prefix) => {
    const conditioning = emitConditioning(builder, config, rows, prefix);
    builder.append({ op: 'silu', x: conditioning, out: conditioning });
    return conditioning;
  });
  const table = builder.state('modulation', rows, tableWidth(config));
  for (let block = 0; block <= config.depth; block++) {
    const final = block === config.depth;
    const name = `${final ? 'final_layer' : `blocks.${block}`}.adaLN_modulation`;
    const width = (final ? FINAL_VECTORS : BLOCK_VECTORS) * c;
    builder.layer(name);
    const out = sliceColumns(table, block * BLOCK_VECTORS * c, width);
    const own = final ? undefined : conditionings[block];
    emitLinear(builder, `${name}.1`, own ?? conditionings[0]!, out);
  }
}

/**
 * The conditioning vector c (rows x hidden): timestep embedding plus label embedding. `prefix` is what the names of the
 * embedders begin with, see `embedderPrefixes`.
 */
export function emitConditioning(builder: PlanBuilder, config: DiTConfig, rows: number, prefix = ''): View {
  const c = config.hiddenSize;
  const [time, label] = [0, 1].map(() => builder.temporary(rows, c)) as [View, View];
  const timesteps = builder.input('timesteps', rows, 1);
  emitEmbedder(builder, `${prefix}t_embedder`, timesteps, time, maxPeriodOf(config));
  builder.layer(`${prefix}y_embedder`);
  const table = builder.weight(`${prefix}y_embedder.embedding_table.weight`, config.classes + 1, c);
  builder.append({ op: 'gatherRows', table, index: builder.input('labels', rows, 1, 'i32'), out: label });
  builder.append({ op: 'add', x: time, y: label, out: time });
  return time;
}

/** With h frequencies, exp(-ln(10000) i / (h - shift)) is exp(-ln(p) i / h) for p = 10000^(h / (h - shift)). */
export function maxPeriodOf({ frequencyShift = 0 }: Pick<DiTConfig, 'frequencyShift'>): number {
  const frequencies = FREQUENCY_SIZE / 2;
  return 10000 ** (frequencies / (frequencies - frequencyShift));
}
