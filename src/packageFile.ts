/** Where the files of this package are that are not code: models, WebAssembly modules, the addon, the worker. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Undefined in a bundle of CommonJS, whatever its type says. */
const here: string | undefined = import.meta.url;

let root: URL | undefined;

/** Path of a file of the package, as in `dist/wasm/simd.wasm`. */
export function packageFile(path: string): string {
  root ??= findRoot();
  return fileURLToPath(new URL(path, root));
}

/** Whether the package is the repository itself, not something installed: a published package has no tests. */
export function isCheckout(): boolean {
  return existsSync(packageFile('test/package'));
}

/**
 * The folder of package.json. In a bundle this module is elsewhere: then the package that is installed where the bundle runs,
 * and without one the folder of the bundle, into which the files may have been copied.
 */
function findRoot(): URL {
  if (here?.endsWith('/dist/src/packageFile.js')) return new URL('../../', here);
  const bundle = here ?? bundlePath();
  try {
    return new URL('./', pathToFileURL(createRequire(bundle).resolve('incache/package.json')));
  } catch {
    return new URL('./', bundle);
  }
}

function bundlePath(): string {
  return pathToFileURL(process.argv[1] ?? join(process.cwd(), 'bundle.js')).href;
}
