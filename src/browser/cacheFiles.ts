/** Factors and recipes as files of a page. */
import type { FactorSet } from '../cache/data/factorSet.js';
import type { Recipe } from '../pipeline/recipe.js';
import { mountedFile, mountFile, unmountFile } from '../platform/browser/files.js';

/** Factors of a file, as `incache calibrate` writes them. Rejects with a `FormatError` for another file. */
export async function readFactors(file: Blob): Promise<FactorSet> {
  const { FactorSet } = await import('../cache/data/factorSet.js');
  return mounted(file, await bytesOf(file), (path) => FactorSet.load(path));
}

/** A recipe, as `incache tune` writes it; its field `options` is the option `cache` of a run. Rejects as `readFactors`. */
export async function readRecipe(file: Blob): Promise<Recipe> {
  const { Recipe } = await import('../pipeline/recipe.js');
  return mounted(file, await bytesOf(file), (path) => Recipe.load(path));
}

/** The file that factors or a recipe are saved as. */
export function savedFile(made: FactorSet | Recipe): Blob {
  const path = '/saved';
  made.save(path);
  try {
    return mountedFile(path);
  } finally {
    unmountFile(path);
  }
}

async function bytesOf(file: Blob): Promise<Uint8Array> {
  return new Uint8Array(await file.arrayBuffer());
}

/** Lends the file a path while `load` reads it. */
function mounted<T>(file: Blob, bytes: Uint8Array, load: (path: string) => T): T {
  const path = `/reading/${(file as Partial<File>).name || 'file'}`;
  mountFile(path, bytes);
  try {
    return load(path);
  } finally {
    unmountFile(path);
  }
}
