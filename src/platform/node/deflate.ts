import { deflateSync } from 'node:zlib';

/** Compressed, in the form of zlib (RFC 1950). */
export function deflate(bytes: Uint8Array): Uint8Array {
  return deflateSync(bytes);
}
