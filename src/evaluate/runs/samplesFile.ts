/** The samples of a run as a file of float32, image after image, for other runs to be compared with. */
import { closeSync, openSync, readSync } from 'node:fs';
import { IncacheError } from '../../errors.js';

/** Samples first to first + count - 1, of `size` values each. Throws an `IncacheError` where the file has fewer. */
export function readSamples(path: string, size: number, first: number, count: number): Float32Array {
  const samples = new Float32Array(count * size);
  const bytes = new Uint8Array(samples.buffer);
  const file = openSamples(path);
  try {
    for (let done = 0; done < bytes.length; ) {
      const read = readSync(file, bytes, done, bytes.length - done, 4 * first * size + done);
      if (read === 0) throw new IncacheError(`${path} ends before sample ${first + count - 1}`);
      done += read;
    }
  } finally {
    closeSync(file);
  }
  return samples;
}

function openSamples(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (error) {
    throw new IncacheError(`cannot read samples: ${(error as Error).message}`, { cause: error });
  }
}
