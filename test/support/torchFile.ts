/** PyTorch files written by hand: pickles out of their operations, and the zip archive around them. */
import { writeChunksAtomic } from '../../src/weights/atomicFile.js';
import { ZipWriter } from '../../src/weights/zipWriter.js';

/** A piece of a pickle that leaves one value on the stack. */
export type Pickled = Buffer;

export const op = (text: string): Buffer => Buffer.from(text, 'latin1');

export function pickle(value: Pickled): Buffer {
  return Buffer.concat([op('\x80\x02'), value, op('.')]);
}

export function text(value: string): Pickled {
  const bytes = Buffer.from(value);
  return Buffer.concat([op('X'), uint32(bytes.length), bytes]);
}

export function integer(value: number): Pickled {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return Buffer.concat([op('\x8a\x08'), bytes]);
}

export const name = (module: string, id: string): Pickled => op(`c${module}\n${id}\n`);

export const tuple = (...items: Pickled[]): Pickled => Buffer.concat([op('('), ...items, op('t')]);

export function dictionary(items: Readonly<Record<string, Pickled>>): Pickled {
  const pairs = Object.entries(items).flatMap(([key, value]) => [text(key), value]);
  return Buffer.concat([op('}('), ...pairs, op('u')]);
}

export const called = (type: Pickled, ...args: Pickled[]): Pickled =>
  Buffer.concat([type, tuple(...args), op('R')]);

export interface TensorParts {
  readonly key: string;
  readonly shape: readonly number[];
  readonly type?: string;
  /** Elements of the storage; default: as many as the shape needs. */
  readonly elements?: number;
  readonly offset?: number;
  /** Default: row-major without gaps. */
  readonly strides?: readonly number[];
}

/** A tensor as `torch.save` writes it. */
export function tensor({ key, shape, type = 'FloatStorage', offset = 0, ...rest }: TensorParts): Pickled {
  const count = shape.reduce((product, size) => product * size, 1);
  const storage = Buffer.concat([
    tuple(text('storage'), name('torch', type), text(key), text('cpu'), integer(rest.elements ?? count)),
    op('Q'),
  ]);
  return called(
    name('torch._utils', '_rebuild_tensor_v2'),
    storage,
    integer(offset),
    tuple(...shape.map(integer)),
    tuple(...(rest.strides ?? rowMajor(shape)).map(integer)),
    op('\x89'),
    called(name('collections', 'OrderedDict')),
  );
}

export type Records = Iterable<readonly [key: string, chunks: Iterable<Uint8Array>]>;

/** Writes `root` with the storages of `records`; `others` are further entries of the archive. */
export function writeTorchZip(
  path: string,
  root: Pickled,
  records: Records = [],
  others: Records = [],
): string {
  writeChunksAtomic(path, (write) => {
    const zip = new ZipWriter(write);
    zip.add('archive/data.pkl', [pickle(root)]);
    for (const [key, chunks] of records) zip.add(`archive/data/${key}`, chunks);
    for (const [entry, chunks] of others) zip.add(entry, chunks);
    zip.end();
  });
  return path;
}

function rowMajor(shape: readonly number[]): number[] {
  return shape.map((_, i) => shape.slice(i + 1).reduce((product, size) => product * size, 1));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
