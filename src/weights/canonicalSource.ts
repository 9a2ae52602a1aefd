/** Tensors under the names that the graphs use, whatever the names and the partition in the files. */
import { FormatError } from '../errors.js';
import { type Dtype, tensorBytes } from './dtypes.js';
import { allocateFor, type TensorInfo, type TensorSource } from './tensorSource.js';

export interface TensorOrigin {
  /** Names in the file; several are joined along the first dimension. */
  readonly parts: readonly string[];
  /** Names of scalars, one a part, that the values are multiplied by: those of float8 weights. */
  readonly scales?: readonly (string | undefined)[];
}

/** A tensor that no file holds. */
export interface ComputedTensor {
  readonly shape: readonly number[];
  readonly values: () => Float32Array;
}

export class CanonicalSource {
  constructor(
    readonly source: TensorSource,
    readonly origins: ReadonlyMap<string, TensorOrigin>,
    readonly computed: ReadonlyMap<string, ComputedTensor> = new Map(),
    /** Tensors that plans may name though they are none of the model's, as tables for a size. */
    readonly constants: (name: string) => ComputedTensor | undefined = () => undefined,
  ) {}

  get names(): readonly string[] {
    return [...this.origins.keys(), ...this.computed.keys()];
  }

  has(name: string): boolean {
    return this.origins.has(name) || this.#computed(name) !== undefined;
  }

  /** Joined parts that differ in type are float32. Throws a `FormatError` when there is none of that name. */
  entry(name: string): TensorInfo {
    const computed = this.#computed(name);
    if (computed) return infoOf('F32', computed.shape);
    const { parts, scales } = this.#origin(name);
    const infos = parts.map((part) => this.source.entry(part));
    const first = infos[0]!;
    const rows = infos.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
    const shape = parts.length === 1 ? first.shape : [rows, ...first.shape.slice(1)];
    const scaled = scales?.some((scale) => scale !== undefined) ?? false;
    const isOneType = !scaled && infos.every(({ dtype }) => dtype === first.dtype);
    return infoOf(isOneType ? first.dtype : 'F32', shape);
  }

  /** In the type of `entry`, row-major, little-endian. */
  bytes(name: string): Uint8Array {
    const origin = this.origins.get(name);
    if (origin?.parts.length === 1 && !origin.scales) return this.source.bytes(origin.parts[0]!);
    const { dtype, byteLength } = this.entry(name);
    if (dtype === 'F32') return asBytes(this.read(name));
    const bytes = allocateFor(this.source.path, name, byteLength);
    let done = 0;
    for (const part of this.#origin(name).parts) {
      const piece = this.source.bytes(part);
      bytes.set(piece, done);
      done += piece.length;
    }
    return bytes;
  }

  /** Widened to float32. */
  read(name: string): Float32Array {
    const computed = this.#computed(name);
    if (computed) return computed.values();
    const { parts } = this.#origin(name);
    if (parts.length === 1) return this.#readPart(name, 0);
    const { shape } = this.entry(name);
    const values = new Float32Array(allocateFor(this.source.path, name, tensorBytes('F32', shape)).buffer);
    let done = 0;
    for (const i of parts.keys()) {
      const piece = this.#readPart(name, i);
      values.set(piece, done);
      done += piece.length;
    }
    return values;
  }

  #readPart(name: string, i: number): Float32Array {
    const { parts, scales } = this.#origin(name);
    const values = this.source.read(parts[i]!);
    const scaleName = scales?.[i];
    if (scaleName === undefined) return values;
    const [scale] = this.source.read(scaleName);
    for (let j = 0; j < values.length; j++) values[j]! *= scale!;
    return values;
  }

  #computed(name: string): ComputedTensor | undefined {
    return this.computed.get(name) ?? this.constants(name);
  }

  #origin(name: string): TensorOrigin {
    const origin = this.origins.get(name);
    if (!origin) throw new FormatError(`${this.source.path} has no tensor '${name}'`);
    return origin;
  }
}

function infoOf(dtype: Dtype, shape: readonly number[]): TensorInfo {
  return { dtype, shape, byteLength: tensorBytes(dtype, shape) };
}

function asBytes(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
