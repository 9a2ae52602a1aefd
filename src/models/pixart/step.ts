/** The graph of a step of a PixArt: a DiT's, with cross-attention to the caption between self-attention and MLP. */
import { sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import type { Actions } from '../layers/actions.js';
import { actingLayer } from '../layers/context.js';
import type { Block, StepOptions, Sublayer } from '../network.js';
import { tokensOf } from '../transformer/config.js';
import { type Attended, TransformerStep } from '../transformer/step.js';
import { emitCompressed } from './compression.js';
import { textState } from './conditioning.js';
import type { PixArtConfig } from './config.js';

/** A row of ones: the output of the cross-attention is added to the stream as it is, without a gate. */
export const ONES = 'ones';

export class PixArtStep extends TransformerStep {
  readonly #config: PixArtConfig;

  constructor(config: PixArtConfig, blocks: readonly Block[], options: StepOptions) {
    super(config, blocks, options);
    this.#config = config;
  }

  override block(block: number, actions: Actions): void {
    const [attention, cross, mlp] = this.blocks[block]!.sublayers as [Sublayer, Sublayer, Sublayer];
    this.attention(attention, actions, this.modulationOf(block, 0));
    this.#cross(cross, block, actions);
    this.mlp(mlp, actions, this.modulationOf(block, 1));
  }

  protected override attended(sublayer: string, view: View, tokens: number): Attended {
    const block = sublayer.slice(0, sublayer.lastIndexOf('.'));
    const { compression, patchSize } = this.#config;
    if (!compression?.blocks.some((each) => block === `blocks.${each}`)) return { view, tokens };
    const { height, width } = this.options.geometry;
    const grid = { height: height / patchSize, width: width / patchSize };
    const fewer = emitCompressed(this.builder, block, view, grid, compression);
    return { view: fewer, tokens: fewer.rows / this.options.sequences };
  }

  /** Reads the stream itself, without a norm. Input: `textLengths`, i32 sequences x 1: tokens of each caption. */
  #cross({ name, groups }: Sublayer, block: number, actions: Actions): void {
    const { builder, layers, options } = this;
    const { sequences, geometry, activations } = options;
    const { hiddenSize, heads, captionTokens } = this.#config;
    const [stream] = this.streams;
    const [query, proj] = groups.map(({ layers: [layer] }) => actingLayer(layer!, actions));
    const q = layers.emit(query!, layers.inputFrom(query!, stream), undefined, { epilogue: 'none' });
    const attended = layers.input(proj!);
    const text = textState(builder, this.#config, block, { sequences, activations });
    builder.layer(name);
    builder.append({
      op: 'attention',
      q,
      k: sliceColumns(text, 0, hiddenSize),
      v: sliceColumns(text, hiddenSize, hiddenSize),
      heads,
      queryLength: tokensOf(this.config, geometry),
      keyLength: captionTokens,
      scale: 1 / Math.sqrt(hiddenSize / heads),
      keyLengths: builder.input('textLengths', sequences, 1, 'i32'),
      out: attended,
    });
    const gate = builder.weight(ONES, 1, hiddenSize);
    layers.emit(proj!, attended, stream, { epilogue: 'gateResidual', gate, residual: stream });
    options.onSublayer?.(builder, name, stream);
  }
}
