/** What of a DiT depends on timestep and label alone: embeddings, and the adaLN of every block. It is run before the steps. */
import { type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import { emitLinear } from '../emitLinear.js';
import { type DiTConfig, embedderPrefixes, FREQUENCY_SIZE, type StepConfig } from './config.js';

/** Vectors that adaLN gives a block: shift, scale and gate of the attention, then of the MLP. */
export const BLOCK_VECTORS = 6;

/** Shift and scale. */
export const FINAL_VECTORS = 2;

/** Columns of the modulation table. */
export function tableWidth({ depth, hiddenSize }: StepConfig): number {
  return (BLOCK_VECTORS * depth + FINAL_VECTORS) * hiddenSize;
}

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
  const frequencies = builder.temporary(rows, FREQUENCY_SIZE);
  const [hidden, time, label] = [0, 1, 2].map(() => builder.temporary(rows, c)) as [View, View, View];
  builder.layer(`${prefix}t_embedder`);
  const timesteps = builder.input('timesteps', rows, 1);
  builder.append({ op: 'timestepEmbedding', x: timesteps, maxPeriod: maxPeriodOf(config), out: frequencies });
  emitLinear(builder, `${prefix}t_embedder.mlp.0`, frequencies, hidden, 'silu');
  emitLinear(builder, `${prefix}t_embedder.mlp.2`, hidden, time);
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
