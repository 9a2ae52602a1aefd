/**
 * Builds the WebAssembly modules from assembly/ into dist/wasm/: one source, {simd, relaxed} x {unshared,
 * shared memory}, and the loop that the benchmarks are measured against. Does nothing when they are newer
 * than their sources.
 *
 * The memory is always imported and there is no data segment and no allocator in it, so that a module can
 * be instantiated again, by another thread, on a memory that is in use.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'assembly');
const target = join(root, 'dist', 'wasm');

const COMMON = ['-O3', '--converge', '--noAssert', '--runtime', 'stub', '--importMemory', '--enable', 'simd'];
/** `assembly/floats.ts` says why. */
const NO_BULK_MEMORY = ['--disable', 'bulk-memory'];
const SIMD = [];
const RELAXED = ['--enable', 'relaxed-simd'];
/** A shared memory must state its size: what the host gives it may start larger, and end no larger. */
const SHARED = ['--enable', 'threads', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'];

const modules = [
  { name: 'simd', entry: 'index.ts', flags: SIMD },
  { name: 'relaxed', entry: 'index.ts', flags: RELAXED },
  { name: 'simd-shared', entry: 'index.ts', flags: [...SIMD, ...SHARED] },
  { name: 'relaxed-shared', entry: 'index.ts', flags: [...RELAXED, ...SHARED] },
  { name: 'peak-simd', entry: 'bench/peak.ts', flags: SIMD },
  { name: 'peak-relaxed', entry: 'bench/peak.ts', flags: RELAXED },
];

const newest = Math.max(modified(fileURLToPath(import.meta.url)), ...sources(source).map(modified));
const stale = modules.filter(({ name }) => !(modified(outputOf(name)) > newest));
if (stale.length > 0) {
  const { default: asc } = await import('assemblyscript/asc');
  mkdirSync(target, { recursive: true });
  for (const module of stale) await build(asc, module);
}

/** Compiles one module, or prints what the compiler says and ends the process. */
async function build(asc, { name, entry, flags }) {
  const output = ['--outFile', outputOf(name)];
  const { error, stderr } = await asc.main([
    join(source, entry),
    ...COMMON,
    ...NO_BULK_MEMORY,
    ...flags,
    ...output,
  ]);
  if (!error) return;
  console.error(`${name}.wasm: ${error.message}\n${stderr.toString()}`);
  process.exit(1);
}

function outputOf(name) {
  return join(target, `${name}.wasm`);
}

/** Every source file below `folder`. */
function sources(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

/** When a file was last written; the beginning of time if there is none. */
function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
