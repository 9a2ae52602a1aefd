import { NpzFile, type NumpyArray } from '../../src/weights/npz.js';

const TYPES = {
  F32: Float32Array,
  F64: Float64Array,
  I32: Int32Array,
  I64: BigInt64Array,
  U8: Uint8Array,
} as const;

/** Every array of the file, in its own type. */
export function readNpz(path: string): Map<string, NumpyArray> {
  using file = NpzFile.open(path);
  return new Map(
    file.names.map((name) => {
      const { shape, dtype } = file.header(name);
      const type = TYPES[dtype as keyof typeof TYPES];
      return [name, { shape, data: new type(file.readBytes(name).buffer as ArrayBuffer) }];
    }),
  );
}
