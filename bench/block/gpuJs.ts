/**
 * gpu.js in its cpu mode as a peer: kernels of one thread an output, as its users write them, without any blocking. A block of
 * DiT-XL/2 takes half a minute.
 */
import { type Absent, absentPeer, requirePeer } from '../peer.js';
import { columns, type Tensor } from '../tensor.js';
import { type BlockContender, TOLERANCE } from './contender.js';
import { blockFlops } from './ours.js';
import { type BlockProblem, linearOf } from './problem.js';

type Matrix = readonly Float32Array[];

/** `this` of a kernel, whose source gpu.js translates: it may use nothing from around it. */
interface Thread {
  readonly thread: { readonly x: number; readonly y: number };
  readonly constants: Readonly<Record<string, number>>;
}

type Kernel = (...operands: readonly (Matrix | Float32Array)[]) => Float32Array[];

interface Gpu {
  createKernel(
    body: (this: Thread, ...operands: never[]) => number,
    settings: {
      readonly output: readonly [number, number];
      readonly constants: Readonly<Record<string, number>>;
    },
  ): Kernel;
  destroy(): Promise<void>;
}

export async function gpuJs(problem: BlockProblem, threads: number): Promise<BlockContender | Absent> {
  const name = 'gpu.js cpu';
  if (threads > 1) return { name, absent: 'its cpu mode has one thread' };
  let gpu: Gpu;
  try {
    const { GPU } = requirePeer('gpu.js') as { GPU: new (settings: { mode: string }) => Gpu };
    gpu = new GPU({ mode: 'cpu' });
  } catch (error) {
    return absentPeer(name, error);
  }
  const compute = blockOf(gpu, problem);
  return {
    name,
    threads,
    loop: 'native f32',
    flops: blockFlops(problem, 'compute'),
    tolerance: TOLERANCE.f32,
    isSlow: true,
    run: () => void compute(),
    output: async () => joined(compute()),
    dispose: () => gpu.destroy(),
  };
}

function blockOf(gpu: Gpu, problem: BlockProblem): () => Matrix {
  const { images, tokens, config, x, modulation } = problem;
  const { hiddenSize: c, mlpSize, heads } = config;
  const rows = images * tokens;
  const kernel = (
    body: (this: Thread, ...operands: never[]) => number,
    width: number,
    height: number,
    extra = {},
  ) =>
    gpu.createKernel(body, {
      output: [width, height],
      constants: { width: c, tokens, headDim: c / heads, heads, depth: c, ...extra },
    });
  const statistics = kernel(momentsBody, 2, rows);
  const modulate = kernel(modulateBody, c, rows);
  const linears = {
    qkv: kernel(linearBody, 3 * c, rows),
    proj: kernel(gatedLinearBody, c, rows),
    fc1: kernel(geluLinearBody, mlpSize, rows),
    fc2: kernel(gatedLinearBody, c, rows, { depth: mlpSize }),
  };
  const scores = kernel(scoresBody, tokens, rows * heads);
  const sums = kernel(softmaxSumsBody, 2, rows * heads);
  const mix = kernel(mixBody, c, rows);
  const input = matrix(x);
  const [shift1, scale1, gate1, shift2, scale2, gate2] = Array.from({ length: 6 }, (_, i) =>
    matrix({ ...columns(modulation, images, i * c, c), shape: [images, c] }),
  ) as [Matrix, Matrix, Matrix, Matrix, Matrix, Matrix];
  const operands = (name: string): [Matrix, Float32Array] => {
    const { weight, bias } = linearOf(problem, name);
    return [matrix(weight), bias.data];
  };
  const [qkv, proj, fc1, fc2] = ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'].map(operands) as [
    [Matrix, Float32Array],
    [Matrix, Float32Array],
    [Matrix, Float32Array],
    [Matrix, Float32Array],
  ];
  return () => {
    const parts = linears.qkv(modulate(input, statistics(input), shift1, scale1), ...qkv);
    const weights = scores(parts);
    const middle = linears.proj(mix(weights, sums(weights), parts), ...proj, gate1, input);
    const hidden = linears.fc1(modulate(middle, statistics(middle), shift2, scale2), ...fc1);
    return linears.fc2(hidden, ...fc2, gate2, middle);
  };
}

/** Mean and reciprocal deviation of each row. */
function momentsBody(this: Thread, x: Matrix): number {
  let mean = 0;
  for (let i = 0; i < this.constants.width!; i++) mean += x[this.thread.y]![i]!;
  mean /= this.constants.width!;
  let variance = 0;
  for (let i = 0; i < this.constants.width!; i++) {
    const difference = x[this.thread.y]![i]! - mean;
    variance += difference * difference;
  }
  if (this.thread.x === 0) return mean;
  return 1 / Math.sqrt(variance / this.constants.width! + 0.000001);
}

function modulateBody(this: Thread, x: Matrix, moments: Matrix, shift: Matrix, scale: Matrix): number {
  const image = Math.floor(this.thread.y / this.constants.tokens!);
  const normalized =
    (x[this.thread.y]![this.thread.x]! - moments[this.thread.y]![0]!) * moments[this.thread.y]![1]!;
  return normalized * (1 + scale[image]![this.thread.x]!) + shift[image]![this.thread.x]!;
}

function linearBody(this: Thread, x: Matrix, weight: Matrix, bias: Float32Array): number {
  let sum = bias[this.thread.x]!;
  for (let i = 0; i < this.constants.depth!; i++) sum += x[this.thread.y]![i]! * weight[this.thread.x]![i]!;
  return sum;
}

function geluLinearBody(this: Thread, x: Matrix, weight: Matrix, bias: Float32Array): number {
  let sum = bias[this.thread.x]!;
  for (let i = 0; i < this.constants.depth!; i++) sum += x[this.thread.y]![i]! * weight[this.thread.x]![i]!;
  return 0.5 * sum * (1 + Math.tanh(0.7978845608028654 * (sum + 0.044715 * sum * sum * sum)));
}

function gatedLinearBody(
  this: Thread,
  x: Matrix,
  weight: Matrix,
  bias: Float32Array,
  gate: Matrix,
  residual: Matrix,
): number {
  const image = Math.floor(this.thread.y / this.constants.tokens!);
  let sum = bias[this.thread.x]!;
  for (let i = 0; i < this.constants.depth!; i++) sum += x[this.thread.y]![i]! * weight[this.thread.x]![i]!;
  return residual[this.thread.y]![this.thread.x]! + gate[image]![this.thread.x]! * sum;
}

/** Of every image, head and query a row, of every key a column. */
function scoresBody(this: Thread, qkv: Matrix): number {
  const query = Math.floor(this.thread.y / this.constants.heads!);
  const head = this.thread.y - query * this.constants.heads!;
  const key = Math.floor(query / this.constants.tokens!) * this.constants.tokens! + this.thread.x;
  const first = head * this.constants.headDim!;
  let sum = 0;
  for (let i = 0; i < this.constants.headDim!; i++)
    sum += qkv[query]![first + i]! * qkv[key]![this.constants.width! + first + i]!;
  return sum / Math.sqrt(this.constants.headDim!);
}

/** The largest score of each row and the reciprocal sum of exponentials below it. */
function softmaxSumsBody(this: Thread, scores: Matrix): number {
  let largest = scores[this.thread.y]![0]!;
  for (let i = 1; i < this.constants.tokens!; i++) largest = Math.max(largest, scores[this.thread.y]![i]!);
  if (this.thread.x === 0) return largest;
  let sum = 0;
  for (let i = 0; i < this.constants.tokens!; i++) sum += Math.exp(scores[this.thread.y]![i]! - largest);
  return 1 / sum;
}

function mixBody(this: Thread, scores: Matrix, sums: Matrix, qkv: Matrix): number {
  const head = Math.floor(this.thread.x / this.constants.headDim!);
  const row = this.thread.y * this.constants.heads! + head;
  const first = Math.floor(this.thread.y / this.constants.tokens!) * this.constants.tokens!;
  let sum = 0;
  for (let i = 0; i < this.constants.tokens!; i++)
    sum +=
      Math.exp(scores[row]![i]! - sums[row]![0]!) *
      qkv[first + i]![2 * this.constants.width! + this.thread.x]!;
  return sum * sums[row]![1]!;
}

function matrix({ shape, data }: Tensor): Matrix {
  const [rows, width] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => data.subarray(row * width, (row + 1) * width));
}

function joined(rows: Matrix): Float32Array {
  const width = rows[0]!.length;
  const values = new Float32Array(rows.length * width);
  for (const [row, columns] of rows.entries()) values.set(columns, row * width);
  return values;
}
