import { fileURLToPath } from 'node:url';

/** Path of a file in test/evaluate/data. */
export function dataFile(name: string): string {
  return fileURLToPath(new URL(`../../../test/evaluate/data/${name}`, import.meta.url));
}
