/**
 * The graph of a DiT (Peebles and Xie, "Scalable Diffusion Models with Transformers"; Meta's `models.py`) as
 * two kinds of plan: the conditioning, which depends on timestep and label alone and is run before the steps,
 * and the step, which reads rows of the table that the conditioning wrote.
 */
import { PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { FloatType, Plan, View } from '../../plan/types.js';
import type { BlockActions } from '../layers/actions.js';
import type { CacheLayout, LinearTap } from '../layers/linearContext.js';
import { emitBlock } from './block.js';
import { type DiTConfig, embedderPrefixes, FREQUENCY_SIZE, outChannels, tokensOf } from './config.js';

/** Columns of the modulation table: six vectors a block, two for the final layer. */
export function modulationWidth(config: DiTConfig): number {
  return (6 * config.depth + 2) * config.hiddenSize;
}

/**
 * The conditioning of `rows` pairs of timestep and label.
 * Inputs: `timesteps` rows x 1 (may be fractional), `labels` i32 rows x 1. State: `modulation`.
 */
export function conditioningPlan(config: DiTConfig, rows: number): Plan {
  const builder = new PlanBuilder('conditioning');
  const c = config.hiddenSize;
  const conditionings = embedderPrefixes(config).map((prefix) => {
    const conditioning = emitConditioning(builder, config, rows, prefix);
    builder.append({ op: 'silu', x: conditioning, out: conditioning });
    return conditioning;
  });
  const table = builder.state('modulation', rows, modulationWidth(config));
  for (let block = 0; block <= config.depth; block++) {
    const final = block === config.depth;
    const name = `${final ? 'final_layer' : `blocks.${block}`}.adaLN_modulation`;
    const width = (final ? 2 : 6) * c;
    builder.layer(name);
    const out = sliceColumns(table, block * 6 * c, width);
    const own = final ? undefined : conditionings[block];
    emitLinear(builder, `${name}.1`, own ?? conditionings[0]!, out);
  }
  return builder.build();
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

/** Patches of the images, embedded, with the position table added, to `x` or a temporary: images * tokens x hidden. */
export function emitTokens(
  builder: PlanBuilder,
  config: DiTConfig,
  images: number,
  x = builder.temporary(images * tokensOf(config), config.hiddenSize),
): View {
  const { inputSize, patchSize, inChannels, hiddenSize } = config;
  const tokens = tokensOf(config);
  const patches = builder.temporary(images * tokens, inChannels * patchSize ** 2);
  builder.layer('x_embedder');
  const latents = builder.input('latents', images, inChannels * inputSize ** 2);
  const geometry = { channels: inChannels, height: inputSize, width: inputSize, patch: patchSize };
  builder.append({ op: 'patchify', x: latents, ...geometry, out: patches });
  emitLinear(builder, 'x_embedder.proj', patches, x);
  builder.append({ op: 'add', x, y: builder.weight('pos_embed', tokens, hiddenSize), out: x });
  return x;
}

export interface StepPlanOptions {
  readonly name: string;
  /** Sequences in the batch; with guidance, twice the images. */
  readonly images: number;
  /** Rows of the modulation table. */
  readonly tableRows: number;
  /** What each block does with its linears. */
  readonly actions: readonly BlockActions[];
  readonly cache: CacheLayout;
  /**
   * Type of what lies between the operations of a block and of its caches, but not of the rank form's hidden.
   * Default `f32`, as which the residual stream and all else is kept in any case.
   */
  readonly activations?: FloatType;
  readonly tap?: LinearTap;
}

/**
 * One evaluation of the network.
 * Inputs: `latents` images x (channels * height * width), `rows` i32 images x 1, the place of each image's
 * conditioning in the state `modulation`. Output: `prediction`, images x (out channels * height * width).
 */
export function stepPlan(config: DiTConfig, options: StepPlanOptions): Plan {
  const { images, cache, activations, tap } = options;
  const builder = new PlanBuilder(options.name);
  const c = config.hiddenSize;
  const x = emitTokens(builder, config, images);
  const modulation = emitModulation(builder, config, options, 0, config.depth);
  for (const [block, actions] of options.actions.entries())
    emitBlock(
      { builder, config, cache, activations, tap },
      block,
      actions,
      x,
      sliceColumns(modulation, block * 6 * c, 6 * c),
    );
  emitFinalLayer(builder, config, x, sliceColumns(modulation, config.depth * 6 * c, 2 * c));
  return builder.build();
}

/**
 * The images' rows of the modulation table: six vectors for each block from `first` to `last`, where the block behind
 * the last of the model is the final layer, of two.
 */
export function emitModulation(
  builder: PlanBuilder,
  config: DiTConfig,
  { images, tableRows }: { readonly images: number; readonly tableRows: number },
  first: number,
  last: number,
): View {
  const c = config.hiddenSize;
  const end = Math.min((last + 1) * 6 * c, modulationWidth(config));
  const columns = end - first * 6 * c;
  builder.layer('modulation');
  const table = builder.state('modulation', tableRows, modulationWidth(config));
  const out = builder.temporary(images, columns);
  const index = builder.input('rows', images, 1, 'i32');
  builder.append({ op: 'gatherRows', table: sliceColumns(table, first * 6 * c, columns), index, out });
  return out;
}

/** The last layer, from the residual stream to the output `prediction`. modulation: images x 2 hidden. */
export function emitFinalLayer(builder: PlanBuilder, config: DiTConfig, x: View, modulation: View): void {
  const { inputSize, patchSize, hiddenSize } = config;
  const channels = outChannels(config);
  const normalised = builder.temporary(x.rows, hiddenSize);
  const patches = builder.temporary(x.rows, channels * patchSize ** 2);
  builder.layer('final_layer');
  builder.append({
    op: 'layerNormModulate',
    x,
    shift: sliceColumns(modulation, 0, hiddenSize),
    scale: sliceColumns(modulation, hiddenSize, hiddenSize),
    epsilon: 1e-6,
    out: normalised,
  });
  emitLinear(builder, 'final_layer.linear', normalised, patches);
  const images = x.rows / tokensOf(config);
  const out = builder.output('prediction', images, channels * inputSize ** 2);
  const geometry = { channels, height: inputSize, width: inputSize, patch: patchSize };
  builder.append({ op: 'unpatchify', x: patches, ...geometry, out });
}

/** x W^T + b with the checkpoint's `<name>.weight` and `<name>.bias`. */
function emitLinear(
  builder: PlanBuilder,
  name: string,
  x: View,
  out: View,
  epilogue: 'none' | 'silu' = 'none',
): void {
  const weight = builder.weight(`${name}.weight`, out.columns, x.columns);
  const bias = builder.weight(`${name}.bias`, 1, out.columns);
  builder.append({ op: 'linear', x, weight, bias, epilogue, out });
}
