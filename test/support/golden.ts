/** Where the recorded inputs and outputs of other people's code lie. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SafetensorsFile } from '../../src/weights/safetensors.js';

/** `INCACHE_GOLDEN`, else the folder of the repository. Another folder of the same kind may be put in. */
export function goldenFolder(): string {
  return process.env.INCACHE_GOLDEN ?? fileURLToPath(new URL('../../../test/golden', import.meta.url));
}

/** Names of the files of the golden folder that match. */
export function goldenFiles(pattern: RegExp): string[] {
  return readdirSync(goldenFolder())
    .filter((name) => pattern.test(name))
    .sort();
}

export function openGolden(name: string): SafetensorsFile {
  return SafetensorsFile.open(`${goldenFolder()}/${name}`);
}
