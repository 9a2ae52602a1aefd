/** Pictures of a run as files: a grid, or one for each image. */
import { mkdirSync } from 'node:fs';
import { IncacheError } from '../errors.js';
import type { Picture } from '../pipeline/picture.js';
import { writeFileAtomic } from '../weights/atomicFile.js';

/** Writes `folder/0000.png`, `0001.png`, ...; makes the folder where there is none. */
export function writeSingles(pictures: readonly Picture[], folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new IncacheError(`cannot make the folder ${folder}: ${(error as Error).message}`, { cause: error });
  }
  for (const [image, picture] of pictures.entries())
    writeFileAtomic(`${folder}/${String(image).padStart(4, '0')}.png`, picture.toPng());
}
