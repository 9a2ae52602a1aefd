/**
 * The parts of a DiT as nodes of an ONNX graph, in the form that was fastest of those tried (onnxruntime-node 1.30):
 * linears as Gemm on two dimensions, q, k and v as three of them, their biases left to `MultiHeadAttention`. One product
 * for qkv and a slice, MatMul and Add on three dimensions, `com.microsoft.Attention` and `FastGelu` were slower or the same.
 */
import { outChannels, type TransformerConfig, tokensOf } from '../../src/models/transformer/config.js';
import type { Tensor } from '../tensor.js';
import { CONTRIB, type OnnxGraph } from './graph.js';

/** A block's vectors of modulation, in the order of the adaLN's columns; each images x 1 x hidden. */
export const MODULATION = ['shift1', 'scale1', 'gate1', 'shift2', 'scale2', 'gate2'] as const;

export interface DiTGraphOptions {
  readonly config: TransformerConfig;
  readonly images: number;
  /** Tensors by their names in a checkpoint. */
  readonly tensor: (name: string) => Tensor;
}

export class DiTGraph {
  readonly #graph: OnnxGraph;
  readonly #options: DiTGraphOptions;
  readonly #hidden: number;
  readonly #one: string;
  readonly #ones: string;
  readonly #flat: string;
  readonly #byImage: string;

  constructor(graph: OnnxGraph, options: DiTGraphOptions) {
    const { config, images } = options;
    this.#graph = graph;
    this.#options = options;
    this.#hidden = config.hiddenSize;
    this.#one = graph.constant('one', [1], Float32Array.of(1));
    this.#ones = graph.constant('ones', [this.#hidden], new Float32Array(this.#hidden).fill(1));
    this.#flat = this.#shape('flat', images * tokensOf(config), this.#hidden);
    this.#byImage = this.#shape('byImage', images, tokensOf(config), this.#hidden);
  }

  /** Embedded patches with their positions, images x tokens x hidden, of `latents` (images x channels x height x width). */
  tokens(latents: string): string {
    const { config, images } = this.#options;
    const patch = [config.patchSize, config.patchSize];
    const [weight, bias] = [this.#constant('x_embedder.proj.weight'), this.#constant('x_embedder.proj.bias')];
    const sizes = { kernel_shape: patch, strides: patch };
    const patches = this.#graph.node('Conv', [latents, weight, bias], sizes);
    const columns = this.#reshape(patches, this.#shape('columns', images, this.#hidden, tokensOf(config)));
    const tokens = this.#graph.node('Transpose', [columns], { perm: [0, 2, 1] });
    return this.#graph.node('Add', [tokens, this.#constant('pos_embed')]);
  }

  /** `x`: images x tokens x hidden, as is what it returns; `modulation`: the six of `MODULATION`. */
  block(index: number, x: string, modulation: readonly string[], output?: string): string {
    const [shift1, scale1, gate1, shift2, scale2, gate2] = modulation as [
      ...[string, string, string],
      ...[string, string, string],
    ];
    const name = `blocks.${index}`;
    const attended = this.#attention(name, this.#modulated(x, shift1, scale1));
    const middle = this.#addGated(x, gate1, attended);
    const mlp = this.#mlp(name, this.#modulated(middle, shift2, scale2));
    return this.#addGated(middle, gate2, mlp, output);
  }

  /** As `block`, with the cross-attention of a PixArt to `text`: keys and values, each images x their tokens x hidden. */
  textBlock(
    index: number,
    x: string,
    modulation: readonly string[],
    text: readonly [keys: string, values: string],
    output?: string,
  ): string {
    const [shift1, scale1, gate1, shift2, scale2, gate2] = modulation as [
      ...[string, string, string],
      ...[string, string, string],
    ];
    const name = `blocks.${index}`;
    const attended = this.#addGated(x, gate1, this.#attention(name, this.#modulated(x, shift1, scale1)));
    const middle = this.#graph.node('Add', [attended, this.#crossAttention(name, attended, text)]);
    const mlp = this.#mlp(name, this.#modulated(middle, shift2, scale2));
    return this.#addGated(middle, gate2, mlp, output);
  }

  /** Images x out channels x height x width. */
  finalLayer(x: string, shift: string, scale: string, output: string): string {
    const { config, images } = this.#options;
    const [side, patch, channels] = [Math.sqrt(tokensOf(config)), config.patchSize, outChannels(config)];
    const flat = this.#reshape(this.#modulated(x, shift, scale), this.#flat);
    const patches = this.#linear('final_layer.linear', flat);
    const byPatch = this.#reshape(
      patches,
      this.#shape('byPatch', images, side, side, patch, patch, channels),
    );
    const byChannel = this.#graph.node('Transpose', [byPatch], { perm: [0, 5, 1, 3, 2, 4] });
    const size = config.inputSize;
    const shape = this.#shape('image', images, channels, size, size);
    return this.#graph.node('Reshape', [byChannel, shape], {}, { output });
  }

  #attention(block: string, x: string): string {
    const name = `${block}.attn.qkv`;
    const [weight, c] = [this.#options.tensor(`${name}.weight`), this.#hidden];
    const flat = this.#reshape(x, this.#flat);
    const qkv = ['q', 'k', 'v'].map((part, i) => {
      const rows = weight.data.subarray(i * c * c, (i + 1) * c * c);
      const w = this.#graph.constant(`${block}.${part}.weight`, [c, c], rows);
      return this.#reshape(this.#gemm(flat, w), this.#byImage);
    });
    const heads = { num_heads: this.#options.config.heads };
    const operands = [...qkv, this.#constant(`${name}.bias`)];
    const attended = this.#graph.node('MultiHeadAttention', operands, heads, { domain: CONTRIB });
    return this.#linear(`${block}.attn.proj`, this.#reshape(attended, this.#flat));
  }

  #crossAttention(block: string, x: string, text: readonly [string, string]): string {
    const flat = this.#linear(`${block}.cross_attn.q_linear`, this.#reshape(x, this.#flat));
    const operands = [this.#reshape(flat, this.#byImage), ...text];
    const heads = { num_heads: this.#options.config.heads };
    const attended = this.#graph.node('MultiHeadAttention', operands, heads, { domain: CONTRIB });
    const y = this.#linear(`${block}.cross_attn.proj`, this.#reshape(attended, this.#flat));
    return this.#reshape(y, this.#byImage);
  }

  #mlp(block: string, x: string): string {
    const hidden = this.#linear(`${block}.mlp.fc1`, this.#reshape(x, this.#flat));
    return this.#linear(`${block}.mlp.fc2`, this.#graph.node('Gelu', [hidden], { approximate: 'tanh' }));
  }

  #linear(name: string, x: string): string {
    return this.#gemm(x, this.#constant(`${name}.weight`), this.#constant(`${name}.bias`));
  }

  #gemm(x: string, weight: string, ...bias: string[]): string {
    return this.#graph.node('Gemm', [x, weight, ...bias], { transB: 1 });
  }

  #modulated(x: string, shift: string, scale: string): string {
    const normalized = this.#graph.node('LayerNormalization', [x, this.#ones], { epsilon: { float: 1e-6 } });
    const factor = this.#graph.node('Add', [scale, this.#one]);
    return this.#graph.node('Add', [this.#graph.node('Mul', [normalized, factor]), shift]);
  }

  /** x + gate * y of a flat y. */
  #addGated(x: string, gate: string, y: string, output?: string): string {
    const gated = this.#graph.node('Mul', [this.#reshape(y, this.#byImage), gate]);
    return this.#graph.node('Add', [x, gated], {}, output === undefined ? {} : { output });
  }

  #reshape(x: string, shape: string): string {
    return this.#graph.node('Reshape', [x, shape]);
  }

  #constant(name: string): string {
    const { shape, data } = this.#options.tensor(name);
    return this.#graph.constant(name, shape, data);
  }

  #shape(name: string, ...sizes: readonly number[]): string {
    return this.#graph.constant(`shape.${name}`, [sizes.length], BigInt64Array.from(sizes.map(BigInt)));
  }
}
