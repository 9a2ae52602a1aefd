/** What every kind of checkpoint file is read through. */
import { totalMemory } from '#platform/machineLimits';
import { formatBytes, IncacheError } from '../errors.js';
import { type Dtype, widenToFloat32 } from './dtypes.js';

export interface TensorInfo {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Bytes of the elements, row-major without gaps. */
  readonly byteLength: number;
}

/** Named tensors of one or several files. Opening reads what describes them; `bytes` and `read` read one tensor. */
export interface TensorSource extends Disposable {
  /** The file or folder that messages name. */
  readonly path: string;
  /** Every file that is read. */
  readonly files: readonly string[];
  readonly names: readonly string[];
  /** Texts about the file; empty where the format has none. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What a person should know about the choice that was made when the file was opened, a sentence each. */
  readonly notes: readonly string[];
  /** Throws a `FormatError` when there is no tensor of that name. */
  entry(name: string): TensorInfo;
  /** The elements as they are stored: row-major, little-endian, in the type that `entry` gives. */
  bytes(name: string): Uint8Array;
  /** The same, widened to float32. Throws a `FormatError` for a type that has no such values. */
  read(name: string): Float32Array;
  close(): void;
}

/** float32, or the bits of 16-bit numbers. */
export type StoredValues = Float32Array | { readonly type: 'bf16' | 'f16'; readonly bits: Uint16Array };

/** A tensor as float32, but 16-bit numbers as they are stored: half the bytes, for devices that take them so. */
export function readStored(
  source: Pick<TensorSource, 'entry' | 'bytes' | 'read'>,
  name: string,
): StoredValues {
  const { dtype } = source.entry(name);
  if (dtype !== 'BF16' && dtype !== 'F16') return source.read(name);
  const bytes = source.bytes(name);
  const { buffer, byteOffset, length } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return { type: dtype === 'BF16' ? 'bf16' : 'f16', bits: new Uint16Array(buffer, byteOffset, length / 2) };
}

/** Reads a tensor as float32 where `fill` reads its bytes into a target; float32 is in memory once. */
export function readAsFloat32(
  path: string,
  name: string,
  { dtype, byteLength }: TensorInfo,
  fill: (target: Uint8Array) => Uint8Array,
): Float32Array {
  const bytes = fill(allocateFor(path, name, byteLength));
  if (dtype !== 'F32') return widenToFloat32(dtype, bytes);
  return new Float32Array(bytes.buffer, bytes.byteOffset, byteLength / 4);
}

/** Zeroed bytes for a tensor. Throws an `IncacheError` that names it where the machine has not so much memory. */
export function allocateFor(path: string, name: string, bytes: number): Uint8Array<ArrayBuffer> {
  const refuse = (cause?: unknown): never => {
    throw new IncacheError(
      `${path}: tensor '${name}' takes ${formatBytes(bytes)}, more than can be held in memory at once`,
      { cause },
    );
  };
  // Beyond it the system may grant the memory, and end the process when it is filled.
  if (bytes > totalMemory()) refuse();
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    return refuse(error);
  }
}
