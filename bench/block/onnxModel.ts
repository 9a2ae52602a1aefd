/**
 * The block as an ONNX graph, in the form that was fastest of those tried (onnxruntime-node 1.30): linears as Gemm on
 * two dimensions, q, k and v as three of them, their biases left to `MultiHeadAttention`. One product for qkv and a
 * slice, MatMul and Add on three dimensions, `com.microsoft.Attention` and `FastGelu` were slower or the same.
 */
import { CONTRIB, OnnxGraph } from '../onnx/graph.js';
import { type BlockProblem, linearOf, type Tensor } from './problem.js';

/** Names of the modulation's inputs, in the order of the problem's columns; each images x 1 x hidden. */
export const MODULATION = ['shift1', 'scale1', 'gate1', 'shift2', 'scale2', 'gate2'] as const;

/** The ModelProto. Inputs `x` (images x tokens x hidden) and `MODULATION`; output `y`, as `x`. */
export function blockModel(problem: BlockProblem): Uint8Array {
  return new BlockGraph(problem).build();
}

class BlockGraph {
  readonly #graph = new OnnxGraph('block');
  readonly #problem: BlockProblem;
  readonly #hidden: number;
  readonly #one: string;
  readonly #ones: string;
  readonly #flat: string;
  readonly #byImage: string;

  constructor(problem: BlockProblem) {
    const { images, tokens, config } = problem;
    this.#problem = problem;
    this.#hidden = config.hiddenSize;
    const c = BigInt(config.hiddenSize);
    this.#one = this.#graph.constant('one', [1], Float32Array.of(1));
    this.#ones = this.#graph.constant('ones', [this.#hidden], new Float32Array(this.#hidden).fill(1));
    this.#flat = this.#graph.constant('flat', [2], BigInt64Array.of(BigInt(images * tokens), c));
    const shape = BigInt64Array.of(BigInt(images), BigInt(tokens), c);
    this.#byImage = this.#graph.constant('byImage', [3], shape);
  }

  build(): Uint8Array {
    const { images, tokens } = this.#problem;
    const shape = [images, tokens, this.#hidden];
    const x = this.#graph.input('x', shape);
    const [shift1, scale1, gate1, shift2, scale2, gate2] = MODULATION.map((name) =>
      this.#graph.input(name, [images, 1, this.#hidden]),
    ) as [string, string, string, string, string, string];
    const attended = this.#attention(this.#modulated(x, shift1, scale1));
    const middle = this.#addGated(x, gate1, attended);
    const mlp = this.#mlp(this.#modulated(middle, shift2, scale2));
    this.#graph.output(this.#addGated(middle, gate2, mlp, 'y'), shape);
    return this.#graph.model();
  }

  #attention(x: string): string {
    const { weight, bias } = linearOf(this.#problem, 'attn.qkv');
    const c = this.#hidden;
    const flat = this.#reshape(x, this.#flat);
    const qkv = ['q', 'k', 'v'].map((name, i) => {
      const rows = { shape: [c, c], data: weight.data.subarray(i * c * c, (i + 1) * c * c) };
      return this.#reshape(this.#gemm(name, flat, rows), this.#byImage);
    });
    const biases = this.#graph.constant('qkv.bias', [3 * c], bias.data);
    const heads = { num_heads: this.#problem.config.heads };
    const attended = this.#graph.node('MultiHeadAttention', [...qkv, biases], heads, { domain: CONTRIB });
    return this.#linear('attn.proj', this.#reshape(attended, this.#flat));
  }

  #mlp(x: string): string {
    const hidden = this.#linear('mlp.fc1', this.#reshape(x, this.#flat));
    return this.#linear('mlp.fc2', this.#graph.node('Gelu', [hidden], { approximate: 'tanh' }));
  }

  #linear(name: string, x: string): string {
    const { weight, bias } = linearOf(this.#problem, name);
    return this.#gemm(name, x, weight, this.#graph.constant(`${name}.bias`, bias.shape, bias.data));
  }

  #gemm(name: string, x: string, weight: Tensor, ...bias: string[]): string {
    const w = this.#graph.constant(`${name}.weight`, weight.shape, weight.data);
    return this.#graph.node('Gemm', [x, w, ...bias], { transB: 1 });
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
}
