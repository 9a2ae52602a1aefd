const MAGIC = '\x93NUMPY';

/** What precedes the elements of a .npy array, version 1.0, in C order: a multiple of 64 bytes. */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const size = Math.ceil((MAGIC.length + 4 + text.length + 1) / 64) * 64;
  const header = Buffer.alloc(size, ' ');
  header.write(MAGIC, 'latin1');
  header.set([1, 0], MAGIC.length);
  header.writeUInt16LE(size - 10, 8);
  header.write(text, 10, 'latin1');
  header.write('\n', size - 1);
  return header;
}
