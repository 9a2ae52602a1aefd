import { createHash } from 'node:crypto';
import type { TensorSource } from './tensorSource.js';

/** A hash takes at most 2^31 - 1 bytes at a time. */
const CHUNK_BYTES = 2 ** 30;

/** sha256 over the name, type, shape and bytes of every tensor, in the order of their names. */
export function hashTensors(source: Pick<TensorSource, 'names' | 'entry' | 'bytes'>): string {
  const hash = createHash('sha256');
  for (const name of [...source.names].sort()) {
    const { dtype, shape } = source.entry(name);
    hash.update(JSON.stringify([name, dtype, shape]));
    const bytes = source.bytes(name);
    for (let start = 0; start < bytes.length; start += CHUNK_BYTES)
      hash.update(bytes.subarray(start, start + CHUNK_BYTES));
  }
  return hash.digest('hex');
}
