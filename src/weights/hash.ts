import { createHash } from 'node:crypto';
import type { SafetensorsFile } from './safetensors.js';

const CHUNK_BYTES = 16 * 2 ** 20;

/** sha256 over the name, type, shape and bytes of every tensor, in the order of their names. */
export function hashTensors(file: SafetensorsFile): string {
  const hash = createHash('sha256');
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (const name of [...file.tensors.keys()].sort()) {
    const { dtype, shape, byteLength } = file.entry(name);
    hash.update(JSON.stringify([name, dtype, shape]));
    for (let start = 0; start < byteLength; start += CHUNK_BYTES)
      hash.update(file.readBytes(name, buffer, start));
  }
  return hash.digest('hex');
}
