/** The compiled modules, one of each per process. */
import { readFile } from 'node:fs/promises';
import { packageFile } from '../../packageFile.js';
import type { Features } from './features.js';

export interface KernelExports {
  /** Runs the program as thread 0 of `threads`: 0 done; 1 not yet, and it is later than `until`, a `performance.now()`. */
  run(threads: number, until: number): number;
  /** Goes on with a run that returned 1. */
  resume(until: number): number;
  /** What a worker does for as long as it lives. */
  work(): never;
  /** The micro-kernel, for choosing the rows of its strips. */
  multiplyStrips(
    strips: number,
    rows: number,
    depth: number,
    strip: number,
    panel: number,
    tiles: number,
    resume: number,
  ): void;
}

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** The module for these features, `shared` or not. */
export function loadModule({ relaxed }: Features, shared: boolean): Promise<WebAssembly.Module> {
  const name = `${relaxed ? 'relaxed' : 'simd'}${shared ? '-shared' : ''}`;
  let module = compiled.get(name);
  if (!module) {
    module = compileModule(packageFile(`dist/wasm/${name}.wasm`));
    compiled.set(name, module);
    // One that fails, as where no file can be opened, is tried again by the next device.
    module.catch(() => compiled.delete(name));
  }
  return module;
}

/** Instantiates a module on a memory that may be in use: nothing in it is written. */
export function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): KernelExports {
  const words = new Int32Array(memory.buffer);
  const wait = (address: number, expected: number, milliseconds: number) => {
    try {
      Atomics.wait(words, address / 4, expected, milliseconds);
    } catch {
      // A host thread that must not block, as that of a page: it looks again a little later.
    }
  };
  // Growing by nothing tells this thread what others have grown.
  const seeGrowth = () => void memory.grow(0);
  const now = () => performance.now();
  const host = { wait, seeGrowth, now };
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, host });
  return exports as unknown as KernelExports;
}

async function compileModule(path: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(path));
}
