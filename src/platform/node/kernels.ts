/** The WebAssembly modules of the kernels. */
import { readFile } from 'node:fs/promises';
import { packageFile } from '../../packageFile.js';

/** name: `simd`, `relaxed`, `simd-shared` or `relaxed-shared`. */
export async function compileKernels(name: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(packageFile(`dist/wasm/${name}.wasm`)));
}
