/**
 * The headers that the addon is compiled against. They come from the development packages node-api-headers and
 * node-addon-api; `npm run build` copies them to dist/headers, so that an installed package is compiled without either.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './cmake.mjs';

const HEADERS = {
  'node-api-headers/include': ['js_native_api.h', 'js_native_api_types.h', 'node_api.h', 'node_api_types.h'],
  'node-addon-api': ['napi.h', 'napi-inl.h', 'napi-inl.deprecated.h'],
};
const folder = join(root, 'dist/headers');

/** The folder of the headers, filled where the development packages are installed; undefined where there are none. */
export function nativeHeaders() {
  const modules = join(root, 'node_modules');
  if (Object.keys(HEADERS).every((name) => existsSync(join(modules, name)))) {
    mkdirSync(folder, { recursive: true });
    for (const [name, files] of Object.entries(HEADERS))
      for (const file of files) copyFileSync(join(modules, name, file), join(folder, file));
  }
  return existsSync(join(folder, 'napi.h')) ? folder : undefined;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) nativeHeaders();
