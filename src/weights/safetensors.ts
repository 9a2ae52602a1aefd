/** Reading safetensors files lazily, tensor by tensor, and writing them whole. */
import { ArgumentError, FormatError, IncacheError, requireInteger } from '../errors.js';
import { writeChunksAtomic, writeChunksAtomicAsync } from './atomicFile.js';
import { viewOf } from './binary.js';
import { tensorBytes, widenToFloat64 } from './dtypes.js';
import { FileBytes } from './fileBytes.js';
import { refuseUnlessSafetensors } from './fileKind.js';
import { encodeHeader, type TensorShape } from './safetensorsEncode.js';
import {
  MAX_HEADER_BYTES,
  PREFIX_BYTES,
  parseHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensorsHeader.js';
import { allocateFor, readAsFloat32, type TensorSource } from './tensorSource.js';

export class SafetensorsFile implements TensorSource {
  readonly notes = [];
  readonly #file: FileBytes;
  readonly #header: SafetensorsHeader;

  private constructor(file: FileBytes, header: SafetensorsHeader) {
    this.#file = file;
    this.#header = header;
  }

  /** Reads and checks the header only. Throws a `FormatError` for a damaged, lying or foreign file. */
  static open(path: string): SafetensorsFile {
    const file = FileBytes.open(path);
    try {
      return new SafetensorsFile(file, readHeader(file));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.#file.path;
  }

  get files(): readonly string[] {
    return [this.path];
  }

  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

  get tensors(): ReadonlyMap<string, TensorEntry> {
    return this.#header.tensors;
  }

  get names(): readonly string[] {
    return [...this.tensors.keys()];
  }

  /** The tensor's values, row-major, as float32. Only its own bytes are read. */
  read(name: string): Float32Array {
    return readAsFloat32(this.path, name, this.entry(name), (target) => this.readBytes(name, target));
  }

  bytes(name: string): Uint8Array {
    return this.readBytes(name);
  }

  readFloat64(name: string): Float64Array {
    return widenToFloat64(this.entry(name).dtype, this.readBytes(name));
  }

  /** The values of an integer tensor. Throws for a type of floats and for values beyond 2^53. */
  readIntegers(name: string): number[] {
    const { dtype } = this.entry(name);
    if (!/^[IU]/.test(dtype))
      throw new FormatError(`${this.path}: tensor '${name}' is ${dtype}; expected integers`);
    const values = [...widenToFloat64(dtype, this.readBytes(name))];
    const large = values.find((value) => !Number.isSafeInteger(value));
    if (large !== undefined)
      throw new FormatError(`${this.path}: tensor '${name}' holds ${large}, beyond 2^53`);
    return values;
  }

  /** The tensor's bytes from `start` on, as many as there are and fit `target` (default: all); returns those. */
  readBytes(name: string, target?: Uint8Array, start = 0): Uint8Array {
    const { byteOffset, byteLength } = this.entry(name);
    requireInteger('start', start, 0, byteLength);
    const bytes = (target ?? allocateFor(this.path, name, byteLength)).subarray(0, byteLength - start);
    return this.#file.read(bytes, byteOffset + start);
  }

  /** Where a tensor lies and what it is. Throws a `FormatError` when there is none of that name. */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (!entry) throw new FormatError(`${this.path} has no tensor '${name}'`);
    return entry;
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A tensor to write; `data` may be made when its turn comes, so that a large file is never held. */
export interface TensorToWrite extends TensorShape {
  /** Elements in the type's own little-endian layout: for F16 and BF16 their bits as `Uint16Array`. */
  readonly data: ArrayBufferView | (() => ArrayBufferView);
}

/**
 * Writes the file whole or not at all, tensors in the order given. Throws an `IncacheError` that names the
 * path, or the tensor to blame: a name twice, a size, type or amount of data that does not fit.
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const chunks = encodeFile(tensors, metadata);
  writeChunksAtomic(path, (write) => {
    for (const chunk of chunks) write(chunk);
  });
}

/** As `writeSafetensors`, without blocking the event loop for longer than a tensor takes. Rejects with the reason of `signal`. */
export function writeSafetensorsAsync(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<void> {
  return writeChunksAtomicAsync(path, encodeFile(tensors, metadata), signal);
}

/** The header, which is made at once, then each tensor when it is asked for. */
function encodeFile(
  tensors: Iterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>>,
): Iterable<Uint8Array> {
  const list = [...tensors];
  const header = encodeHeader(list, metadata);
  return (function* () {
    yield header;
    for (const tensor of list) yield bytesOf(tensor);
  })();
}

function bytesOf({ name, dtype, shape, data }: TensorToWrite): Uint8Array {
  const view = typeof data === 'function' ? data() : data;
  if (!ArrayBuffer.isView(view))
    throw new ArgumentError(`data of tensor '${name}'`, view, 'a typed array or a function that returns one');
  const expected = tensorBytes(dtype, shape);
  if (view.byteLength !== expected)
    throw new IncacheError(
      `tensor '${name}' of shape [${shape}] needs ${expected} bytes, not ${view.byteLength}`,
    );
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function readHeader(file: FileBytes): SafetensorsHeader {
  const { path, size } = file;
  refuseUnlessSafetensors(file);
  if (size < PREFIX_BYTES)
    throw new FormatError(`${path} is not a valid safetensors file: it has only ${size} bytes`);
  const length = viewOf(file.read(new Uint8Array(PREFIX_BYTES), 0)).getBigUint64(0, true);
  const limit = Math.min(size - PREFIX_BYTES, MAX_HEADER_BYTES);
  if (length > BigInt(limit))
    throw new FormatError(
      `${path} is not a valid safetensors file: its header claims ${length} bytes, of at most ${limit}`,
    );
  const text = new Uint8Array(Number(length));
  file.read(text, PREFIX_BYTES);
  const dataStart = PREFIX_BYTES + text.length;
  return parseHeader(path, decodeUtf8(path, text), dataStart, size - dataStart);
}

function decodeUtf8(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new FormatError(`${path} is not a valid safetensors file: the header is not UTF-8`, {
      cause: error,
    });
  }
}
