/** Storages: the flat arrays behind PyTorch's tensors. */
import type { Dtype } from '../dtypes.js';

/** A storage as the pickle names it; what it claims is checked when a tensor of it is listed. */
export interface PickledStorage {
  /** Name of its record in the file. */
  readonly key: string;
  /** Elements that the pickle claims. */
  readonly elements: number;
  /** Undefined where the type is of no use here, as that of quantised tensors. */
  readonly dtype: Dtype | undefined;
  /** What PyTorch calls the type. */
  readonly typeName: string;
  /** Elements of the record before the first of this storage; only old files have views of storages. */
  readonly first: number;
}

/** The records of a file. */
export interface StorageReader {
  /** Bytes of the record. Throws a `FormatError` when there is none of that name. */
  size(key: string): number;
  /** Fills `target` with the bytes of the record from `start` on and returns it. */
  read(key: string, target: Uint8Array, start: number): Uint8Array;
  /** Whether elements of several bytes are stored with the largest first. */
  readonly bigEndian: boolean;
  close(): void;
}

/** The classes of `torch` that a persistent id may name. */
const STORAGE_TYPES: Readonly<Record<string, Dtype>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
  ComplexFloatStorage: 'C64',
};

/** The names in `torch` that say the type of a tensor over an untyped storage. */
const DTYPE_NAMES: Readonly<Record<string, Dtype>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  bfloat16: 'BF16',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  float8_e4m3fnuz: 'F8_E4M3FNUZ',
  float8_e5m2fnuz: 'F8_E5M2FNUZ',
  float8_e8m0fnu: 'F8_E8M0',
  int64: 'I64',
  int32: 'I32',
  int16: 'I16',
  int8: 'I8',
  uint64: 'U64',
  uint32: 'U32',
  uint16: 'U16',
  uint8: 'U8',
  bool: 'BOOL',
  complex64: 'C64',
};

/** Type of the elements of a storage class, by its exact name; an untyped storage counts bytes. */
export function storageDtype(module: string, name: string): Dtype | undefined {
  if (module === 'torch.storage' && name === 'UntypedStorage') return 'U8';
  if (module !== 'torch' && module !== 'torch.cuda') return undefined;
  return Object.hasOwn(STORAGE_TYPES, name) ? STORAGE_TYPES[name] : undefined;
}

export function dtypeOfName(module: string, name: string): Dtype | undefined {
  return module === 'torch' && Object.hasOwn(DTYPE_NAMES, name) ? DTYPE_NAMES[name] : undefined;
}
