/** The names that have a meaning in PyTorch's pickles, by their exact spelling; everything else stays inert. */
import type { Dtype } from '../dtypes.js';
import type { ByteCursor } from './byteCursor.js';
import { type PickleRules, unpickle } from './pickleMachine.js';
import { describePickled, PickledName } from './pickleValues.js';
import { dtypeOfName, type PickledStorage, storageDtype } from './storage.js';

/** A tensor as its pickle describes it: a strided view of a storage. Nothing of it is checked but its kinds. */
export class PickledTensor {
  constructor(
    readonly storage: PickledStorage,
    readonly dtype: Dtype | undefined,
    /** In elements of `dtype`, as the strides. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

class StorageReference implements PickledStorage {
  constructor(
    readonly key: string,
    readonly elements: number,
    readonly dtype: Dtype | undefined,
    readonly typeName: string,
    readonly first: number,
  ) {}
}

/** The storages that the pickle has named, by key. */
export type NamedStorages = Map<string, PickledStorage>;

/** Reads one pickle of a PyTorch file; `storages` is filled. Throws a `FormatError` that names the file. */
export function unpickleTorch(cursor: ByteCursor, storages: NamedStorages = new Map()): unknown {
  const refuse = (problem: string): never => cursor.refuse(problem);
  const rules: PickleRules = {
    persistent(id) {
      const storage = storageOf(id, refuse);
      // Keys of views begin with that of their root.
      if (storage.first === 0 || !storages.has(storage.key)) storages.set(storage.key, storage);
      return storage;
    },
    call({ module, name }, args) {
      switch (`${module}.${name}`) {
        case 'collections.OrderedDict':
          return dictionaryOf(args);
        case 'collections.defaultdict':
          return new Map();
        case 'torch._utils._rebuild_tensor_v2':
          return tensorOf(args, undefined, refuse);
        case 'torch._utils._rebuild_tensor_v3':
          return tensorOf(args, args[6], refuse);
        case 'torch._utils._rebuild_parameter':
        case 'torch._utils._rebuild_parameter_with_state':
          return args[0] instanceof PickledTensor ? args[0] : undefined;
        default:
          return undefined;
      }
    },
  };
  return unpickle(cursor, rules);
}

type Refuse = (problem: string) => never;

/** `('storage', class, key, place, elements)`, in the older format with the view's `(key, first, elements)` or None. */
function storageOf(id: unknown, refuse: Refuse): StorageReference {
  const [kind, type, key, , elements, view] = Array.isArray(id) ? id : [];
  if (kind !== 'storage' || !(type instanceof PickledName) || typeof key !== 'string' || !isSize(elements))
    return refuse(`its pickle refers to ${describePickled(id)}; expected a storage`);
  const [, first, count] = Array.isArray(view) ? view : [key, 0, elements];
  if (!isSize(first) || !isSize(count))
    return refuse(`its pickle has a view of storage '${key}' without a place`);
  return new StorageReference(key, count, storageDtype(type.module, type.name), type.toString(), first);
}

function tensorOf(args: readonly unknown[], dtypeName: unknown, refuse: Refuse): PickledTensor {
  const [storage, offset, shape, strides] = args;
  if (!(storage instanceof StorageReference))
    return refuse(`its pickle has a tensor without a storage, of ${describePickled(storage)}`);
  if (!isSize(offset) || !areSizes(shape) || !areSizes(strides))
    return refuse(
      `its pickle has a tensor of offset ${String(offset)}, sizes ${list(shape)} and strides ${list(strides)}; expected whole numbers of at least 0`,
    );
  if (shape.length !== strides.length)
    return refuse(`its pickle has a tensor of ${shape.length} sizes and ${strides.length} strides`);
  const dtype =
    dtypeName instanceof PickledName ? dtypeOfName(dtypeName.module, dtypeName.name) : storage.dtype;
  return new PickledTensor(storage, dtype, offset, shape, strides);
}

function dictionaryOf(args: readonly unknown[]): Map<unknown, unknown> | undefined {
  const [items = []] = args;
  if (items instanceof Map) return new Map(items);
  if (!Array.isArray(items)) return undefined;
  return new Map(items.filter((item) => Array.isArray(item) && item.length === 2));
}

/** Far more dimensions than PyTorch's own 64 would only cost time. */
const MOST_DIMENSIONS = 64;

function areSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= MOST_DIMENSIONS && value.every(isSize);
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function list(value: unknown): string {
  return Array.isArray(value) ? `[${value.slice(0, 8).map(String)}]` : describePickled(value);
}
