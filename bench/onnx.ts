/** The same product in onnxruntime-web, one thread: a graph of one MatMul with a constant right side. */
import type { KernelCase } from './kernels/case.js';
import type { Contender } from './measure.js';

/** A contender, or undefined where onnxruntime-web is not installed. */
export async function onnxProduct(
  { rows, depth, columns }: NonNullable<KernelCase['product']>,
  flops: number,
): Promise<Contender | undefined> {
  const ort = await import('onnxruntime-web').catch(() => undefined);
  if (!ort) return undefined;
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(matMulModel(rows, depth, columns));
  const x = new ort.Tensor('float32', random(rows * depth), [rows, depth]);
  return {
    name: 'onnxruntime-web, 1 thread',
    flops,
    run: async () => {
      await session.run({ x });
    },
  };
}

function random(count: number): Float32Array {
  return Float32Array.from({ length: count }, () => Math.random() - 0.5);
}

const FLOAT = 1;

/** ModelProto of y = x w. */
function matMulModel(rows: number, depth: number, columns: number): Uint8Array {
  const weight = new Uint8Array(random(depth * columns).buffer);
  const node = message(text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'MatMul'));
  const initializer = message(
    integer(1, depth),
    integer(1, columns),
    integer(2, FLOAT),
    text(8, 'w'),
    bytes(9, weight),
  );
  const graph = message(
    bytes(1, node),
    text(2, 'product'),
    bytes(5, initializer),
    bytes(11, tensorInfo('x', [rows, depth])),
    bytes(12, tensorInfo('y', [rows, columns])),
  );
  return message(integer(1, 8), bytes(7, graph), bytes(8, integer(2, 17)));
}

/** ValueInfoProto of a float tensor. */
function tensorInfo(name: string, shape: readonly number[]): Uint8Array {
  const dimensions = message(...shape.map((size) => bytes(1, integer(1, size))));
  return message(text(1, name), bytes(2, bytes(1, message(integer(1, FLOAT), bytes(2, dimensions)))));
}

/** Fields one after another. */
function message(...fields: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(fields.reduce((sum, field) => sum + field.length, 0));
  let place = 0;
  for (const field of fields) {
    joined.set(field, place);
    place += field.length;
  }
  return joined;
}

function integer(field: number, value: number): Uint8Array {
  return Uint8Array.of(field << 3, ...varint(value));
}

function text(field: number, value: string): Uint8Array {
  return bytes(field, new TextEncoder().encode(value));
}

function bytes(field: number, value: Uint8Array): Uint8Array {
  return message(Uint8Array.of((field << 3) | 2, ...varint(value.length)), value);
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}
