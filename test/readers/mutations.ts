/** Reads damaged files: each must give a value or an error of ours. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { IncacheError } from '../../src/errors.js';
import { mutatedBytes, mutatedHeader, mutatedJson } from '../support/mutate.js';
import { Random } from '../support/random.js';
import type { Reader } from './readers.js';

export interface Outcome {
  readonly reader: string;
  /** Files that were read to their end, and files that were refused with a sentence. */
  taken: number;
  refused: number;
  /** The slowest, in milliseconds. */
  slowest: number;
  readonly defects: { readonly seed: number; readonly error: unknown; readonly file: string }[];
}

/** Where a file that has shown a defect is kept; the file that is read otherwise. */
export interface MutationFolders {
  readonly work: string;
  readonly kept: string;
}

/** Reads `count` files, each made from a seed of its own, from `seed` on. */
export function readMutated(reader: Reader, count: number, seed: number, folders: MutationFolders): Outcome {
  const samples = reader.samples(folders.work).map((path) => readFileSync(path));
  const path = join(folders.work, `damaged.${reader.extension}`);
  const outcome: Outcome = { reader: reader.name, taken: 0, refused: 0, slowest: 0, defects: [] };
  for (let i = 0; i < count; i++) {
    writeFileSync(path, damaged(new Random(seed + i), reader, samples));
    const start = performance.now();
    try {
      reader.read(path);
      outcome.taken++;
    } catch (error) {
      if (error instanceof IncacheError && error.message) outcome.refused++;
      else outcome.defects.push({ seed: seed + i, error, file: keep(path, reader, seed + i, folders.kept) });
    }
    outcome.slowest = Math.max(outcome.slowest, performance.now() - start);
  }
  return outcome;
}

function damaged(random: Random, { structure }: Reader, samples: readonly Uint8Array[]): Uint8Array {
  const sample = random.pick(samples);
  if (!structure || random.uniform() < 0.5) return mutatedBytes(random, sample, samples);
  if (structure === 'header') return mutatedHeader(random, sample);
  const value: unknown = JSON.parse(Buffer.from(sample).toString());
  return Buffer.from(JSON.stringify(mutatedJson(random, value)) ?? 'null');
}

function keep(path: string, { name, extension }: Reader, seed: number, folder: string): string {
  const file = join(folder, `files-${name.replaceAll(' ', '-')}-${seed}.${extension}`);
  copyFileSync(path, file);
  return file;
}
