/**
 * Bundles the engine for browsers from src into dist/browser: incache.js for pages and workers of one's own and a file for
 * each other entry that package.json has for browsers, engine.js (the worker that openPipeline starts), thread.js (a thread
 * of kernels), what they share, and the WebAssembly modules. They find each other by `new URL('./name', import.meta.url)`,
 * which bundlers follow and browsers understand without one.
 *
 *     --out FOLDER   another folder than dist/browser
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const KERNELS = ['simd', 'relaxed', 'simd-shared', 'relaxed-shared'];

/** Entries beside those of the package, by name, and replacements of modules, are for tests. */
export async function buildBrowser(out = join(root, 'dist/browser'), { entries = {}, alias = {} } = {}) {
  const { build } = await import('esbuild');
  const source = join(root, 'src');
  mkdirSync(out, { recursive: true });
  for (const name of readdirSync(out)) rmSync(join(out, name));
  await build({
    entryPoints: {
      ...publicEntries(),
      engine: join(source, 'browser/engineWorker.ts'),
      thread: join(source, 'backend/wasm/worker.ts'),
      ...entries,
    },
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    plugins: [platform(source), ownCopies('fflate')],
    alias,
    chunkNames: 'shared-[hash]',
    inject: [join(source, 'browser/symbols.ts')],
    define: { 'Symbol.dispose': 'symbolDispose', 'Symbol.asyncDispose': 'symbolAsyncDispose' },
    minify: true,
    legalComments: 'linked',
    logLevel: 'warning',
  });
  for (const name of KERNELS) copyFileSync(join(root, `dist/wasm/${name}.wasm`), join(out, `${name}.wasm`));
}

/** What package.json exports to browsers: names in dist/browser, and the modules that their types were made of. */
function publicEntries() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const browser = Object.values(exports)
    .map((entry) => entry.browser ?? entry)
    .filter(({ default: file }) => file?.startsWith('./dist/browser/'));
  return Object.fromEntries(
    browser.map(({ types, default: file }) => [
      basename(file, '.js'),
      join(root, types.replace(/^\.\/dist\/(.*)\.d\.ts$/, '$1.ts')),
    ]),
  );
}

/** `#platform/x` is that of browsers; in package.json it means what was compiled. */
function platform(source) {
  return {
    name: 'platform',
    setup: ({ onResolve }) =>
      onResolve({ filter: /^#platform\// }, ({ path }) => ({
        path: join(source, 'platform/browser', `${path.slice('#platform/'.length)}.ts`),
        sideEffects: false,
      })),
  };
}

/** Each module that imports the package has a copy of what it uses: one that compresses does not load what expands. */
function ownCopies(name) {
  return {
    name: 'own copies',
    setup: ({ onResolve, resolve }) =>
      onResolve(
        { filter: new RegExp(`^${name}$`) },
        async ({ path, importer, kind, resolveDir, pluginData }) => {
          if (pluginData === name) return undefined;
          const found = await resolve(path, { importer, kind, resolveDir, pluginData: name });
          return { ...found, suffix: `?${basename(importer)}` };
        },
      ),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf('--out');
  await buildBrowser(at < 0 ? undefined : process.argv[at + 1]);
}
