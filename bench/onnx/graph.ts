/** Writes ONNX models (onnx.proto3): float32 tensors, constants inside the file. */
import { bytes, float, integer, message, text } from './protobuf.js';

/** A number is an integer attribute, `{ float }` one of float32. */
export type Attributes = Readonly<
  Record<string, number | string | readonly number[] | { readonly float: number }>
>;

const FLOAT = 1;
const INT64 = 7;
const IR_VERSION = 9;
const OPSET = 20;
/** Domain of the operators that onnxruntime adds. */
export const CONTRIB = 'com.microsoft';

/** AttributeProto.AttributeType */
const ATTRIBUTE = { float: 1, integer: 2, string: 3, integers: 7 };

/** Builds a model node by node; tensors go by name. */
export class OnnxGraph {
  readonly #fields: Uint8Array[] = [];
  #temporaries = 0;

  constructor(readonly name: string) {}

  input(name: string, shape: readonly number[], type: 'float32' | 'int64' = 'float32'): string {
    this.#fields.push(bytes(11, tensorInfo(name, shape, type === 'int64' ? INT64 : FLOAT)));
    return name;
  }

  output(name: string, shape: readonly number[]): string {
    this.#fields.push(bytes(12, tensorInfo(name, shape)));
    return name;
  }

  /** A tensor known when the session is made, row-major. */
  constant(name: string, shape: readonly number[], data: Float32Array | BigInt64Array): string {
    const type = data instanceof Float32Array ? FLOAT : INT64;
    const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const tensor = [...shape.map((size) => integer(1, size)), integer(2, type), text(8, name), bytes(9, raw)];
    this.#fields.push(bytes(5, message(...tensor)));
    return name;
  }

  /** Appends a node with one output and returns that output's name. An input left out is the empty string. */
  node(
    operator: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    options: { readonly domain?: string; readonly output?: string } = {},
  ): string {
    const { domain = '', output = this.#fresh() } = options;
    this.#append(operator, inputs, attributes, [output], domain);
    return output;
  }

  /** `count` equal parts of `x` along an axis. */
  split(x: string, axis: number, count: number): string[] {
    const outputs = Array.from({ length: count }, () => this.#fresh());
    this.#append('Split', [x], { axis, num_outputs: count }, outputs, '');
    return outputs;
  }

  /** The ModelProto. */
  model(): Uint8Array {
    const graph = message(text(2, this.name), ...this.#fields);
    const domains = [integer(2, OPSET), message(text(1, CONTRIB), integer(2, 1))];
    return message(integer(1, IR_VERSION), bytes(7, graph), ...domains.map((domain) => bytes(8, domain)));
  }

  #fresh(): string {
    return `t${this.#temporaries++}`;
  }

  #append(
    operator: string,
    inputs: readonly string[],
    attributes: Attributes,
    outputs: readonly string[],
    domain: string,
  ): void {
    const fields = [
      ...inputs.map((name) => text(1, name)),
      ...outputs.map((name) => text(2, name)),
      text(4, operator),
      ...Object.entries(attributes).map(([name, value]) => bytes(5, attribute(name, value))),
      text(7, domain),
    ];
    this.#fields.push(bytes(1, message(...fields)));
  }
}

/** ValueInfoProto of a tensor. */
function tensorInfo(name: string, shape: readonly number[], type = FLOAT): Uint8Array {
  const dimensions = message(...shape.map((size) => bytes(1, integer(1, size))));
  return message(text(1, name), bytes(2, bytes(1, message(integer(1, type), bytes(2, dimensions)))));
}

/** AttributeProto */
function attribute(name: string, value: Attributes[string]): Uint8Array {
  if (typeof value === 'string') return message(text(1, name), text(4, value), integer(20, ATTRIBUTE.string));
  if (typeof value === 'number')
    return message(text(1, name), integer(3, value), integer(20, ATTRIBUTE.integer));
  if ('float' in value) return message(text(1, name), float(2, value.float), integer(20, ATTRIBUTE.float));
  const integers = value.map((item) => integer(8, item));
  return message(text(1, name), ...integers, integer(20, ATTRIBUTE.integers));
}
