/** The tensors of a PyTorch file, read from its storages one at a time and in place. */

import { FormatError } from '../../errors.js';
import { swapBytes } from '../binary.js';
import { DTYPE_BYTES, type Dtype, tensorBytes } from '../dtypes.js';
import { allocateFor, readAsFloat32, type TensorInfo, type TensorSource } from '../tensorSource.js';
import type { StateDict } from './stateDict.js';
import type { StorageReader } from './storage.js';
import { copyStrided, extentOf, isContiguous } from './stridedCopy.js';
import type { PickledTensor } from './torchPickle.js';

interface StoredTensor extends TensorInfo {
  readonly key: string;
  /** Place of its first element in the record. */
  readonly start: number;
  /** In elements; undefined where the elements lie one after another. */
  readonly strides: readonly number[] | undefined;
  /** Bytes from its first to its last element. */
  readonly extent: number;
}

export class TorchFile implements TensorSource {
  readonly metadata = {};
  readonly notes: readonly string[];
  readonly #tensors: ReadonlyMap<string, StoredTensor>;

  /** Checks that every tensor lies in its storage. Throws a `FormatError` that names the first which does not. */
  constructor(
    readonly path: string,
    { tensors, note }: StateDict,
    readonly storages: StorageReader,
  ) {
    this.notes = note === undefined ? [] : [`${path}: ${note}`];
    this.#tensors = new Map(
      [...tensors].map(([name, tensor]) => [
        name,
        storedTensor(tensor, storages, (problem) => {
          throw new FormatError(`${path}: tensor '${name}' ${problem}`);
        }),
      ]),
    );
  }

  get files(): readonly string[] {
    return [this.path];
  }

  get names(): readonly string[] {
    return [...this.#tensors.keys()];
  }

  entry(name: string): StoredTensor {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new FormatError(`${this.path} has no tensor '${name}'`);
    return tensor;
  }

  bytes(name: string): Uint8Array {
    return this.#fill(name, allocateFor(this.path, name, this.entry(name).byteLength));
  }

  read(name: string): Float32Array {
    return readAsFloat32(this.path, name, this.entry(name), (target) => this.#fill(name, target));
  }

  close(): void {
    this.storages.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #fill(name: string, target: Uint8Array): Uint8Array {
    const { key, start, strides, shape, extent, dtype } = this.entry(name);
    if (target.length === 0) return target;
    const width = DTYPE_BYTES[dtype];
    if (strides === undefined) this.storages.read(key, target, start);
    else {
      const source = this.storages.read(key, allocateFor(this.path, name, extent), start);
      copyStrided(source, shape, strides, width, target);
    }
    if (this.storages.bigEndian) swapBytes(target, dtype === 'C64' ? 4 : width);
    return target;
  }
}

/** A view that repeats elements may be larger than its storage, but not without end. */
const MOST_REPEATED_BYTES = 2 ** 28;

function storedTensor(
  { storage, dtype, offset, shape, strides }: PickledTensor,
  storages: StorageReader,
  refuse: (problem: string) => never,
): StoredTensor {
  const { key, elements, first, typeName } = storage;
  if (dtype === undefined || storage.dtype === undefined)
    return refuse(`is of type ${typeName}, which is not read`);
  const byteLength = tensorBytes(dtype, shape);
  if (byteLength === Number.POSITIVE_INFINITY) return refuse(`of shape [${shape}] has more than 2^53 bytes`);
  const claimed = byteCount(elements, storage.dtype);
  const begin = byteCount(first, storage.dtype);
  const record = storages.size(key);
  if (begin + claimed > record)
    refuse(`lies in storage '${key}', which should have ${begin + claimed} bytes and has ${record}`);
  const width = DTYPE_BYTES[dtype];
  const [start, extent] = [offset * width, extentOf(shape, strides) * width];
  if (start + extent > claimed)
    refuse(
      `of shape [${shape}], strides [${strides}] and offset ${offset} reaches beyond storage '${key}' of ${claimed} bytes`,
    );
  if (byteLength > Math.max(claimed, MOST_REPEATED_BYTES))
    refuse(`of shape [${shape}] repeats the ${claimed} bytes of its storage to ${byteLength}`);
  const contiguous = isContiguous(shape, strides);
  return {
    dtype,
    shape,
    byteLength,
    key,
    start: begin + start,
    extent,
    strides: contiguous ? undefined : strides,
  };
}

function byteCount(elements: number, dtype: Dtype): number {
  return elements * DTYPE_BYTES[dtype];
}
