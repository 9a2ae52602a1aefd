/** Small models that come as packages of their own beside the engine: where they lie. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { IncacheError } from './errors.js';
import { packageFile } from './packageFile.js';

const PACKAGES = {
  digits: { name: '@incache/digits', draws: 'handwritten digits' },
  emoji: { name: '@incache/emoji', draws: 'emoji from words' },
} as const;

export type PackagedModel = keyof typeof PACKAGES;

/** The folder of a model: of a checkout, or of its package beside incache or where the command runs; undefined where there is none. */
export function modelFolder(model: PackagedModel): string | undefined {
  const own = packageFile(`models/${model}`);
  if (existsSync(own)) return own;
  for (const from of [packageFile('package.json'), join(process.cwd(), 'package.json')]) {
    try {
      return dirname(createRequire(from).resolve(`${PACKAGES[model].name}/package.json`));
    } catch {
      // It is not there: the next place may have it.
    }
  }
  return undefined;
}

/** Throws an `IncacheError` that says how to get the model where it is not installed. */
export function requireModelFolder(model: PackagedModel): string {
  const folder = modelFolder(model);
  if (folder !== undefined) return folder;
  const { name, draws } = PACKAGES[model];
  throw new IncacheError(`the small model of ${draws} is a package of its own: npm install ${name}`);
}
