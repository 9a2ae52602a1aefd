/** Where the recorded inputs and outputs of other people's code lie. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SafetensorsFile } from '../../src/weights/safetensors.js';

/** `INCACHE_GOLDEN`, else the folder of the repository. Another folder of the same kinds may be put in. */
export function goldenFolder(): string {
  return process.env.INCACHE_GOLDEN ?? fileURLToPath(new URL('../../../test/golden', import.meta.url));
}

/** Paths of the files, relative to the golden folder, that match; `in` is a folder below it. */
export function goldenFiles(pattern: RegExp, below = ''): string[] {
  const folder = `${goldenFolder()}/${below}`;
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => (below === '' ? name : `${below}/${name}`))
    .sort();
}

/**
 * Says that a kind of files is missing: the folder of the repository must have every kind, another one may lack any and
 * is then tested for the rest.
 */
export function requireKind(kind: string, cases: readonly unknown[]): void {
  const elsewhere = process.env.INCACHE_GOLDEN !== undefined;
  const skip = cases.length === 0 && elsewhere ? `no ${kind} in ${goldenFolder()}` : false;
  test(`the golden folder has ${kind}`, { skip }, () => assert.ok(cases.length > 0));
}

export function openGolden(name: string): SafetensorsFile {
  return SafetensorsFile.open(`${goldenFolder()}/${name}`);
}

export function readGoldenText(name: string): string {
  return readFileSync(`${goldenFolder()}/${name}`, 'utf8');
}

interface Manifest {
  readonly files?: Readonly<Record<string, { readonly tolerance?: string }>>;
}

/**
 * The tolerance that the nearest manifest above a file gives for it: the first number of its text. `fallback` where there
 * is none.
 */
export function toleranceOf(name: string, fallback: number): number {
  for (let folder = dirname(name); ; folder = dirname(folder)) {
    const manifest = `${folder}/manifest.json`;
    if (existsSync(`${goldenFolder()}/${manifest}`)) {
      const { files }: Manifest = JSON.parse(readGoldenText(manifest));
      const [number] = /\d+(?:\.\d+)?e-\d+/.exec(files?.[relative(folder, name)]?.tolerance ?? '') ?? [];
      return number === undefined ? fallback : Number(number);
    }
    if (folder === '.') return fallback;
  }
}
