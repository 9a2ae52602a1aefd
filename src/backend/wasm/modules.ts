/** The compiled modules, one of each per process. */
import { compileKernels } from '#platform/kernels';
import type { Features } from './features.js';

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/** The module for these features, `shared` or not. */
export function loadModule({ relaxed }: Features, shared: boolean): Promise<WebAssembly.Module> {
  const name = `${relaxed ? 'relaxed' : 'simd'}${shared ? '-shared' : ''}`;
  let module = compiled.get(name);
  if (!module) {
    module = compileKernels(name);
    compiled.set(name, module);
    // One that fails, as where no file can be opened, is tried again by the next device.
    module.catch(() => compiled.delete(name));
  }
  return module;
}
