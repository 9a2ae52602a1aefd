/** What tells large files from others without reading all of them. */
import { sha256 } from '#platform/hash';
import { FileBytes } from './fileBytes.js';

const SAMPLES = 256;
const SAMPLE_BYTES = 2 ** 14;

/**
 * sha256 over the sizes of the files and over samples all over them, of files up to 4 MB over all: it changes with a change that
 * touches most of the weights. `settings` are how the files are read, as JSON has it.
 */
export function fingerprintOf(paths: readonly string[], settings?: object): string {
  const hash = sha256();
  if (settings) hash.update(JSON.stringify(settings));
  for (const path of paths) {
    using file = FileBytes.open(path);
    hash.update(JSON.stringify(file.size));
    const stride = Math.max(Math.floor(file.size / SAMPLES), SAMPLE_BYTES);
    for (let start = 0; start < file.size; start += stride)
      hash.update(file.read(new Uint8Array(Math.min(SAMPLE_BYTES, file.size - start)), start));
  }
  return hash.digest();
}
