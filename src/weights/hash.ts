import { pause } from '#platform/eventLoop';
import { sha256 } from '#platform/hash';
import type { TensorSource } from './tensorSource.js';

/** Hashed in some 10 ms. */
const CHUNK_BYTES = 8 * 2 ** 20;

type Hashable = Pick<TensorSource, 'names' | 'entry' | 'bytes'>;

/** sha256 over the name, type, shape and bytes of every tensor, in the order of their names. */
export function hashTensors(source: Hashable): string {
  const steps = hashing(source);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same, and lets timers, signals and the caller's other work through in between. */
export async function hashTensorsAsync(source: Hashable, signal?: AbortSignal): Promise<string> {
  const steps = hashing(source);
  for (;;) {
    signal?.throwIfAborted();
    const { done, value } = steps.next();
    if (done) return value;
    await pause();
  }
}

/** Yields after every tensor and within large ones. */
function* hashing(source: Hashable): Generator<void, string> {
  const hash = sha256();
  for (const name of [...source.names].sort()) {
    const { dtype, shape } = source.entry(name);
    hash.update(JSON.stringify([name, dtype, shape]));
    const bytes = source.bytes(name);
    for (let start = 0; start < bytes.length; start += CHUNK_BYTES) {
      hash.update(bytes.subarray(start, start + CHUNK_BYTES));
      yield;
    }
  }
  return hash.digest();
}
