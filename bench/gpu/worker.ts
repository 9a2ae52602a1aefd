/**
 * In one worker of a page: a product by every contender, in turns, after their results have been compared with
 * float64.
 */
import { describeAdapter, findAdapter } from '../../src/backend/gpu/adapter.js';
import { openGpuDevice } from '../../src/backend/gpu/device.js';
import type { ProductForm } from '../../src/backend/gpu/forms.js';
import type { GPUAdapter } from '../../src/backend/gpu/webgpu.js';
import { interleave, type Times } from '../../src/bench/measure.js';
import { relativeL2 } from '../../src/evaluate/metrics/relativeL2.js';
import { PlanBuilder } from '../../src/plan/builder.js';
import type { MessageScope } from '../../src/platform/types.js';
import { Random } from '../../test/support/random.js';
import { OnnxGraph } from '../onnx/graph.js';
import { openModel, type Runtime } from '../onnx/openModel.js';

export interface ProductRequest {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly rounds: number;
  /** Where the other packages are. */
  readonly server: string;
}

export interface ProductAnswer {
  readonly adapter: string;
  readonly rows: readonly {
    readonly name: string;
    /** Relative L2 from float64; NaN of one that could not run. */
    readonly error: number;
    readonly times: Times;
  }[];
}

interface Product {
  readonly name: string;
  /** Writes x, multiplies, reads the result. */
  compute(): Promise<Float32Array>;
}

/** What float32 sums explain. Those who are farther off are not timed. */
const TOLERANCE = 1e-5;

const scope = globalThis as unknown as MessageScope;
scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage(await measure(data as ProductRequest));
  } catch (error) {
    scope.postMessage({ problem: (error as Error).stack ?? String(error) });
  }
};

async function measure(request: ProductRequest): Promise<ProductAnswer> {
  const { m, k, n, rounds } = request;
  const random = new Random(1);
  const x = random.normals(m * k);
  const weight = random.normals(n * k, 1 / Math.sqrt(k));
  const operands = { ...request, x, weight };
  const expected = productOf(operands);
  const adapter = (await findAdapter()) as GPUAdapter | string;
  if (typeof adapter === 'string') throw new Error(adapter);
  const products = [
    await ours('registers', operands),
    await ours('workgroup', operands),
    await ours('translated', operands),
    await gpuJs(operands),
    await onnxruntime(operands),
  ];
  const errors: number[] = [];
  for (const { name, compute } of products) {
    const error = relativeL2(await compute(), expected);
    if (error > TOLERANCE) throw new Error(`${name} is ${error} from float64; expected at most ${TOLERANCE}`);
    errors.push(error);
  }
  const contenders = products.map(({ name, compute }) => ({
    name,
    flops: 2 * m * k * n,
    run: async () => {
      await compute();
    },
  }));
  const times = await interleave(contenders, { rounds, warmUp: 2 });
  return {
    adapter: describeAdapter(adapter),
    rows: products.map(({ name }, i) => ({ name, error: errors[i]!, times: times[i]! })),
  };
}

interface Operands extends ProductRequest {
  readonly x: Float32Array;
  /** n x k. */
  readonly weight: Float32Array;
}

function productOf({ m, k, n, x, weight }: Operands): Float32Array {
  const out = new Float32Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let t = 0; t < k; t++) sum += x[i * k + t]! * weight[j * k + t]!;
      out[i * n + j] = sum;
    }
  return out;
}

/** A plan of one linear on a device of ours. */
async function ours(form: ProductForm, { m, k, n, x, weight }: Operands): Promise<Product> {
  const device = await openGpuDevice((await findAdapter()) as GPUAdapter, { products: form, fused: [] });
  const b = new PlanBuilder('product');
  const [input, matrix] = [b.input('x', m, k), b.weight('weight', n, k)];
  b.append({ op: 'linear', x: input, weight: matrix, epilogue: 'none', out: b.output('out', m, n) });
  const weights = device.loadWeights({ read: () => weight });
  const tensors = new Map([
    ['x', device.allocate(m, k)],
    ['out', device.allocate(m, n)],
  ]);
  const executable = await device.compile(b.build(), { weights, tensors });
  return {
    name: form,
    async compute() {
      const written = tensors.get('x')!.write(x);
      const run = executable.run();
      const read = tensors.get('out')!.read();
      await Promise.all([written, run]);
      return (await read) as Float32Array;
    },
  };
}

interface GpuJs {
  new (settings: {
    mode: string;
  }): {
    createKernel(
      source: string,
      settings: object,
    ): ((...operands: unknown[]) => Promise<Float32Array[]>) & { setConstants(c: object): void };
  };
  input(data: Float32Array, size: readonly number[]): unknown;
}

/** gpu.js by itself: its kernel, compiled and dispatched by it, with the weight as a constant. */
async function gpuJs({ m, k, n, x, weight, server }: Operands): Promise<Product> {
  await import(`${server}gpujs/gpu-browser.min.js`);
  const { GPU } = globalThis as unknown as { GPU: GpuJs };
  const kernel = new GPU({ mode: 'webgpu' }).createKernel(
    `function product(x) {
      let sum = 0;
      for (let t = 0; t < ${k}; t++) sum += x[this.thread.y][t] * this.constants.weight[this.thread.x][t];
      return sum;
    }`,
    { output: [n, m], constants: { weight: GPU.input(weight, [k, n]) }, loopMaxIterations: k },
  );
  return {
    name: 'gpu.js',
    async compute() {
      const rows = await kernel(GPU.input(x, [k, m]));
      const out = new Float32Array(m * n);
      for (const [i, row] of rows.entries()) out.set(row, i * n);
      return out;
    },
  };
}

/** A MatMul of onnxruntime-web's WebGPU provider. */
async function onnxruntime({ m, k, n, x, weight, server }: Operands): Promise<Product> {
  const runtime = (await import(`${server}ort/ort.webgpu.min.mjs`)) as Runtime;
  runtime.env.wasm.wasmPaths = `${server}ort/`;
  const graph = new OnnxGraph('product');
  const transposed = new Float32Array(k * n);
  for (let j = 0; j < n; j++) for (let t = 0; t < k; t++) transposed[t * n + j] = weight[j * k + t]!;
  const inputs = [graph.input('x', [m, k]), graph.constant('weight', [k, n], transposed)];
  graph.node('MatMul', inputs, {}, { output: graph.output('y', [m, n]) });
  const model = await openModel(runtime, graph.model(), { x: { data: x, shape: [m, k] } }, 1, ['webgpu']);
  return { name: 'onnxruntime-web', compute: () => model.output() };
}
