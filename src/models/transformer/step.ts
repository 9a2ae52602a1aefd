/** The graph of a step (Meta's `models.py` of DiT). It reads rows of the table that the conditioning wrote. */
import { type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { View } from '../../plan/types.js';
import { emitLinear } from '../emitLinear.js';
import type { Actions } from '../layers/actions.js';
import { actingLayer } from '../layers/context.js';
import { LayerEmitter } from '../layers/emitter.js';
import { emitGroup, emitMlp } from '../layers/sublayer.js';
import type { Block, NetworkStep, StepOptions, Sublayer } from '../network.js';
import {
  BLOCK_VECTORS,
  FINAL_VECTORS,
  outChannels,
  type TransformerConfig,
  tableWidth,
  tokensOf,
} from './config.js';
import { positionsName } from './positions.js';

/** What adaLN gives a sublayer: one row per sequence, hidden columns each. */
export interface Modulation {
  readonly shift: View;
  readonly scale: View;
  readonly gate: View;
}

const LAYER_NORM_EPSILON = 1e-6;

/** Keys or values of all sequences, and how many tokens of each there are. */
export interface Attended {
  readonly view: View;
  readonly tokens: number;
}

/** Networks whose blocks have other sublayers too extend it. */
export class TransformerStep implements NetworkStep {
  readonly streams: readonly [View];
  protected readonly builder: PlanBuilder;
  protected readonly config: TransformerConfig;
  protected readonly blocks: readonly Block[];
  protected readonly options: StepOptions;
  protected readonly layers: LayerEmitter;
  /** Modulation of the blocks from `options.first` on. */
  #modulation!: View;

  constructor(config: TransformerConfig, blocks: readonly Block[], options: StepOptions) {
    const { builder, sequences, geometry, resumes } = options;
    const rows = sequences * tokensOf(config, geometry);
    this.streams = [
      resumes ? builder.state('stream', rows, config.hiddenSize) : builder.temporary(rows, config.hiddenSize),
    ];
    this.builder = builder;
    this.config = config;
    this.blocks = blocks;
    this.options = options;
    this.layers = new LayerEmitter(options, rows);
  }

  /** Patches of the images, embedded, with the position table added. */
  begin(): void {
    const { inChannels, patchSize, hiddenSize } = this.config;
    const { sequences, geometry } = this.options;
    const [x] = this.streams;
    const patches = this.builder.temporary(x.rows, inChannels * patchSize ** 2);
    this.builder.layer('x_embedder');
    const latents = this.builder.input('latents', sequences, inChannels * geometry.height * geometry.width);
    this.builder.append({ op: 'patchify', x: latents, ...this.#grid(inChannels), out: patches });
    emitLinear(this.builder, 'x_embedder.proj', patches, x);
    const positions = positionsName(this.config, geometry);
    const y = this.builder.weight(positions, tokensOf(this.config, geometry), hiddenSize);
    this.builder.append({ op: 'add', x, y, out: x });
    this.resume();
  }

  /** Gathers each sequence's row of the table, the columns of the blocks at hand. */
  resume(): void {
    const { sequences, tableRows, first, last } = this.options;
    const vector = this.config.hiddenSize;
    const width = tableWidth(this.config);
    const from = first * BLOCK_VECTORS * vector;
    const columns = Math.min((last + 1) * BLOCK_VECTORS * vector, width) - from;
    this.builder.layer('modulation');
    const table = this.builder.state('modulation', tableRows, width);
    this.#modulation = this.builder.temporary(sequences, columns);
    const index = this.builder.input('rows', sequences, 1, 'i32');
    const op = { op: 'gatherRows', table: sliceColumns(table, from, columns), index } as const;
    this.builder.append({ ...op, out: this.#modulation });
  }

  block(block: number, actions: Actions): void {
    const [attention, mlp] = this.blocks[block]!.sublayers as [Sublayer, Sublayer];
    this.attention(attention, actions, this.modulationOf(block, 0));
    this.mlp(mlp, actions, this.modulationOf(block, 1));
  }

  blockInput(block: number): View {
    const [x] = this.streams;
    const out = this.builder.temporary(x.rows, x.columns);
    this.#modulated(this.modulationOf(block, 0), out);
    return out;
  }

  end(): void {
    const { patchSize, hiddenSize, depth } = this.config;
    const { sequences, geometry } = this.options;
    const [x] = this.streams;
    const channels = outChannels(this.config);
    const normalised = this.builder.temporary(x.rows, hiddenSize);
    const patches = this.builder.temporary(x.rows, channels * patchSize ** 2);
    this.builder.layer('final_layer');
    const [shift, scale] = this.#vectors(depth, 0, FINAL_VECTORS) as [View, View];
    this.#modulated({ shift, scale }, normalised);
    emitLinear(this.builder, 'final_layer.linear', normalised, patches);
    const out = this.builder.output('prediction', sequences, channels * geometry.height * geometry.width);
    this.builder.append({ op: 'unpatchify', x: patches, ...this.#grid(channels), out });
  }

  protected attention(
    { name, groups: [qkv, proj] }: Sublayer,
    actions: Actions,
    modulation: Modulation,
  ): void {
    const [q, k, v] = emitGroup(this.layers, qkv!, actions, (input) => this.#modulated(modulation, input));
    const last = actingLayer(proj!.layers[0]!, actions);
    const attended = this.layers.input(last);
    const { heads, hiddenSize } = this.config;
    const tokens = tokensOf(this.config, this.options.geometry);
    const [keys, values] = [k!, v!].map((view) => this.attended(name, view, tokens)) as [Attended, Attended];
    this.builder.layer(name);
    this.builder.append({
      op: 'attention',
      q: q!,
      k: keys.view,
      v: values.view,
      heads,
      queryLength: tokens,
      keyLength: keys.tokens,
      scale: 1 / Math.sqrt(hiddenSize / heads),
      out: attended,
    });
    this.layers.emit(last, attended, this.streams[0], this.gated(modulation));
    this.options.onSublayer?.(this.builder, name, this.streams[0]);
  }

  /** The keys or values that a self-attention reads, of those of all tokens; may append operations. */
  protected attended(_sublayer: string, view: View, tokens: number): Attended {
    return { view, tokens };
  }

  protected mlp({ name, pairs: [pair] }: Sublayer, actions: Actions, modulation: Modulation): void {
    const write = (input: View) => this.#modulated(modulation, input, this.config.mlpNormEpsilon);
    emitMlp(this.layers, pair!, actions, write, this.streams[0], this.gated(modulation));
    this.options.onSublayer?.(this.builder, name, this.streams[0]);
  }

  protected gated({ gate }: Modulation) {
    return { epilogue: 'gateResidual', gate, residual: this.streams[0] } as const;
  }

  /** out = the residual stream, normalised and modulated: the input of a sublayer. */
  #modulated(
    { shift, scale }: Omit<Modulation, 'gate'>,
    out: View,
    epsilon: number = LAYER_NORM_EPSILON,
  ): void {
    this.builder.append({ op: 'layerNormModulate', x: this.streams[0], shift, scale, epsilon, out });
  }

  protected modulationOf(block: number, sublayer: number): Modulation {
    const [shift, scale, gate] = this.#vectors(block, 3 * sublayer, 3) as [View, View, View];
    return { shift, scale, gate };
  }

  /** Vectors [first, first + count) of a block, or of the final layer, which is behind the last one. */
  #vectors(block: number, first: number, count: number): View[] {
    const vector = this.config.hiddenSize;
    const offset = (block - this.options.first) * BLOCK_VECTORS + first;
    return Array.from({ length: count }, (_, i) =>
      sliceColumns(this.#modulation, (offset + i) * vector, vector),
    );
  }

  #grid(channels: number) {
    const { height, width } = this.options.geometry;
    return { channels, height, width, patch: this.config.patchSize };
  }
}
