/**
 * What of a PixArt depends on the timestep alone, adaLN-single, and on the caption alone, keys and values of the
 * cross-attentions. Both are run before the steps (`PixArt.py` and `PixArtMS.py` of the original).
 */
import { type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import { emitLinear } from '../emitLinear.js';
import type { ContextOptions } from '../network.js';
import { emitEmbedder } from '../transformer/conditioning.js';
import { BLOCK_VECTORS, FINAL_VECTORS, tableWidth } from '../transformer/config.js';
import type { PixArtConfig } from './config.js';

/**
 * Inputs: `timesteps` rows x 1 and, where the network is told of sizes, `size` rows x 3: height and width of the picture in
 * pixels, and height / width. State: `modulation`, with a block's vectors after one another, then those of the final layer.
 */
export function emitTable(builder: PlanBuilder, config: PixArtConfig, rows: number): void {
  const { hiddenSize: c, depth } = config;
  const embedded = emitTimestep(builder, config, rows);
  const table = builder.state('modulation', rows, tableWidth(config));
  builder.layer('final_layer.scale_shift_table');
  const final = builder.weight('final_layer.scale_shift_table', 1, FINAL_VECTORS * c);
  for (let vector = 0; vector < FINAL_VECTORS; vector++) {
    const out = sliceColumns(table, (BLOCK_VECTORS * depth + vector) * c, c);
    builder.append({ op: 'add', x: embedded, y: sliceColumns(final, vector * c, c), out });
  }
  builder.layer('t_block');
  const activated = builder.temporary(rows, c);
  builder.append({ op: 'silu', x: embedded, out: activated });
  // One for all blocks: each has only a table of its own that is added.
  const shared = builder.temporary(rows, BLOCK_VECTORS * c);
  emitLinear(builder, 't_block.1', activated, shared);
  for (let block = 0; block < depth; block++) {
    const name = `blocks.${block}.scale_shift_table`;
    builder.layer(name);
    const out = sliceColumns(table, block * BLOCK_VECTORS * c, BLOCK_VECTORS * c);
    builder.append({ op: 'add', x: shared, y: builder.weight(name, 1, BLOCK_VECTORS * c), out });
  }
}

/** The embedding of the timestep, and of the size of the picture, rows x hidden. */
export function emitTimestep(builder: PlanBuilder, config: PixArtConfig, rows: number): View {
  const { hiddenSize: c } = config;
  const embedded = builder.temporary(rows, c);
  emitEmbedder(builder, 't_embedder', builder.input('timesteps', rows, 1), embedded);
  if (!config.sizeConditions) return embedded;
  const size = builder.input('size', rows, 3);
  const sizes = builder.temporary(rows, c);
  for (const [place, name] of ['csize_embedder', 'csize_embedder', 'ar_embedder'].entries())
    emitEmbedder(builder, name, sliceColumns(size, place, 1), sliceColumns(sizes, (place * c) / 3, c / 3));
  builder.append({ op: 'add', x: embedded, y: sizes, out: embedded });
  return embedded;
}

/** Input: `text`, (sequences * captionTokens) x captionChannels. States: keys and values of every block, see `textState`. */
export function emitText(builder: PlanBuilder, config: PixArtConfig, options: ContextOptions): void {
  const caption = emitCaption(builder, config, options);
  for (let block = 0; block < config.depth; block++) {
    const name = `blocks.${block}.cross_attn.kv_linear`;
    builder.layer(name);
    emitLinear(builder, name, caption, textState(builder, config, block, options));
  }
}

/** The caption in the width of the network. */
export function emitCaption(
  builder: PlanBuilder,
  { captionChannels, captionTokens, hiddenSize }: PixArtConfig,
  { sequences, activations }: ContextOptions,
): View {
  const rows = sequences * captionTokens;
  builder.layer('y_embedder');
  const [hidden, caption] = [0, 1].map(() => builder.temporary(rows, hiddenSize, activations)) as [
    View,
    View,
  ];
  emitLinear(builder, 'y_embedder.y_proj.fc1', builder.input('text', rows, captionChannels), hidden, 'gelu');
  emitLinear(builder, 'y_embedder.y_proj.fc2', hidden, caption);
  return caption;
}

/** Keys, then values of a block's cross-attention, (sequences * captionTokens) x (2 * hidden). */
export function textState(
  builder: PlanBuilder,
  { captionTokens, hiddenSize }: PixArtConfig,
  block: number,
  { sequences, activations }: ContextOptions,
): View {
  return builder.state(`text.blocks.${block}`, sequences * captionTokens, 2 * hiddenSize, activations);
}
