/** TensorFlow.js on its WebAssembly backend as a peer: its fused products, and single operations where it has no fused one. */
import { type Absent, absentPeer, requirePeer } from '../peer.js';
import { columns, type Tensor } from '../tensor.js';
import { type BlockContender, TOLERANCE } from './contender.js';
import { blockFlops } from './ours.js';
import { type BlockProblem, linearOf } from './problem.js';

/** What is used of a tensor and of the package, which is not installed where this is compiled. */
interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Operand = TfTensor | number;

interface Tf {
  readonly fused: {
    matMul(operands: { a: TfTensor; b: TfTensor; bias: TfTensor }): TfTensor;
  };
  add(a: Operand, b: Operand): TfTensor;
  sub(a: Operand, b: Operand): TfTensor;
  mul(a: Operand, b: Operand): TfTensor;
  rsqrt(x: TfTensor): TfTensor;
  tanh(x: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, order: readonly number[]): TfTensor;
  slice(x: TfTensor, begin: readonly number[], size: readonly number[]): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  stack(parts: readonly TfTensor[]): TfTensor;
  unstack(x: TfTensor): TfTensor[];
  moments(x: TfTensor, axis: number, keepDims: boolean): { mean: TfTensor; variance: TfTensor };
  tensor(data: Float32Array, shape: readonly number[]): TfTensor;
  /** Takes a tensor out of the `tidy` that it was made in. */
  keep(tensor: TfTensor): TfTensor;
  setBackend(name: string): Promise<boolean>;
  tidy<T>(compute: () => T): T;
}

export const TFJS = 'tfjs-backend-wasm';

const EPSILON = 1e-6;

export async function tfjs(problem: BlockProblem, threads: number): Promise<BlockContender | Absent> {
  const name = TFJS;
  if (threads > 1) return { name, absent: 'in Node.js it has one thread' };
  let tf: Tf;
  try {
    tf = requirePeer('@tensorflow/tfjs-core') as Tf;
    requirePeer('@tensorflow/tfjs-backend-wasm');
  } catch (error) {
    return absentPeer(name, error);
  }
  if (!(await tf.setBackend('wasm'))) throw new Error(`${name} does not start`);
  const block = new TfBlock(tf, problem);
  return {
    name,
    threads,
    loop: 'wasm',
    flops: blockFlops(problem, 'compute'),
    tolerance: TOLERANCE.f32,
    run: () => tf.tidy(() => void block.compute()),
    output: async () => {
      const y = tf.tidy(() => block.compute());
      const values = await y.data();
      y.dispose();
      return values;
    },
    dispose: async () => block.dispose(),
  };
}

class TfBlock {
  readonly #constants = new Map<string, TfTensor>();

  constructor(
    readonly tf: Tf,
    readonly problem: BlockProblem,
  ) {}

  /** Within a `tidy`. */
  compute(): TfTensor {
    const { images, tokens, config, x, modulation } = this.problem;
    const c = config.hiddenSize;
    const [shift1, scale1, gate1, shift2, scale2, gate2] = Array.from({ length: 6 }, (_, i) =>
      this.#constant(`modulation.${i}`, () => columns(modulation, images, i * c, c)),
    ) as [TfTensor, TfTensor, TfTensor, TfTensor, TfTensor, TfTensor];
    const shape = [images, tokens, c];
    const input = this.#constant('x', () => ({ shape, data: x.data }));
    const attended = this.#attention(this.#modulated(input, shift1, scale1));
    const middle = this.#addGated(input, attended, gate1);
    const hidden = this.#gelu(this.#linear('mlp.fc1', this.#modulated(middle, shift2, scale2)));
    return this.#addGated(middle, this.#linear('mlp.fc2', hidden), gate2);
  }

  dispose(): void {
    for (const constant of this.#constants.values()) constant.dispose();
  }

  /** Flat, as products want it. */
  #modulated(x: TfTensor, shift: TfTensor, scale: TfTensor): TfTensor {
    const { tf } = this;
    const { images, tokens, config } = this.problem;
    const { mean, variance } = tf.moments(x, -1, true);
    const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPSILON)));
    const modulated = tf.add(tf.mul(normalized, tf.add(scale, 1)), shift);
    return tf.reshape(modulated, [images * tokens, config.hiddenSize]);
  }

  #attention(x: TfTensor): TfTensor {
    const { tf } = this;
    const { images, tokens, config } = this.problem;
    const { heads, hiddenSize } = config;
    const headDim = hiddenSize / heads;
    const qkv = this.#linear('attn.qkv', x);
    const [q, k, v] = [0, 1, 2].map((i) => {
      const part = tf.slice(qkv, [0, i * hiddenSize], [images * tokens, hiddenSize]);
      const byHead = tf.transpose(tf.reshape(part, [images, tokens, heads, headDim]), [0, 2, 1, 3]);
      return tf.reshape(byHead, [images * heads, tokens, headDim]);
    }) as [TfTensor, TfTensor, TfTensor];
    const scores = this.#products(tf.mul(q, headDim ** -0.5), tf.transpose(k, [0, 2, 1]));
    const byHead = tf.reshape(this.#products(tf.softmax(scores), v), [images, heads, tokens, headDim]);
    const attended = tf.reshape(tf.transpose(byHead, [0, 2, 1, 3]), [images * tokens, hiddenSize]);
    return this.#linear('attn.proj', attended);
  }

  /** Of every image and head, one by one: a product of batches takes five times as long. */
  #products(a: TfTensor, b: TfTensor): TfTensor {
    const right = this.tf.unstack(b);
    return this.tf.stack(this.tf.unstack(a).map((left, i) => this.tf.matMul(left, right[i]!)));
  }

  /** The tanh form. */
  #gelu(x: TfTensor): TfTensor {
    const { tf } = this;
    const cubic = tf.mul(tf.add(tf.mul(tf.mul(x, x), 0.044715), 1), x);
    return tf.mul(tf.mul(tf.add(tf.tanh(tf.mul(cubic, Math.sqrt(2 / Math.PI))), 1), x), 0.5);
  }

  /** x + gate * y of a flat y. */
  #addGated(x: TfTensor, y: TfTensor, gate: TfTensor): TfTensor {
    const { images, tokens, config } = this.problem;
    const shaped = this.tf.reshape(y, [images, tokens, config.hiddenSize]);
    return this.tf.add(x, this.tf.mul(shaped, gate));
  }

  /** With inputs down the rows of the weight: with `transposeB` it leaves XNNPACK, and computes something else. */
  #linear(name: string, a: TfTensor): TfTensor {
    const { weight, bias } = linearOf(this.problem, name);
    const b = this.#constant(`${name}.weight`, () => transposed(weight));
    return this.tf.fused.matMul({ a, b, bias: this.#constant(`${name}.bias`, () => bias) });
  }

  #constant(name: string, make: () => Tensor): TfTensor {
    const known = this.#constants.get(name);
    if (known) return known;
    const { shape, data } = make();
    const tensor = this.tf.keep(this.tf.tensor(data, shape));
    this.#constants.set(name, tensor);
    return tensor;
  }
}

function transposed({ shape, data }: Tensor): Tensor {
  const [rows, width] = shape as [number, number];
  const values = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < width; column++) values[column * rows + row] = data[row * width + column]!;
  return { shape: [width, rows], data: values };
}
