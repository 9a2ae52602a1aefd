/** Pictures of a command as files: a grid, or one for each image. */
import { mkdirSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { ArgumentError, IncacheError } from '../errors.js';
import { grid, type Picture } from '../pipeline/picture.js';
import { writeFileAtomic } from '../weights/atomicFile.js';
import { requireFilePath, requireFolderPath } from './outputPath.js';
import { integer } from './parse.js';

export interface PictureFlags {
  readonly single?: boolean;
  readonly columns: number;
}

export function addPictureFlags(command: Command): Command {
  return command
    .option('--single', 'one PNG for each image, in the folder --out')
    .option('--columns <n>', 'images in a row of the grid', integer('columns', 1), 10);
}

/** Fails before the work, not after it. `arrays`: whether the result may be an .npz too. */
export function requirePicturePath({ single }: PictureFlags, out: string, arrays: boolean): void {
  if (single) requireFolderPath('out', out);
  else if (out.endsWith('.png') || (arrays && out.endsWith('.npz'))) requireFilePath('out', out);
  else if (out !== '-')
    throw new ArgumentError(
      'out',
      out,
      `a name that ends in .png${arrays ? ' or .npz' : ''}, - for standard output, or a folder with --single`,
    );
  else if (process.stdout.isTTY)
    throw new ArgumentError(
      'out',
      out,
      'standard output to be a pipe or a file, not a terminal, for a picture',
    );
}

export function writePictures(
  { single, columns }: PictureFlags,
  out: string,
  pictures: readonly Picture[],
): void {
  if (single) writeSingles(pictures, out);
  else if (out === '-') writeSync(process.stdout.fd, grid(pictures, columns).toPng());
  else writeFileAtomic(out, grid(pictures, columns).toPng());
}

/** The result in words, which gives way to a picture on standard output. */
export function say(out: string, text: string): void {
  (out === '-' ? process.stderr : process.stdout).write(text);
}

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
