/** The WebAssembly modules of the kernels. They lie beside the bundle, and bundlers find them by these literal addresses. */

const ADDRESSES: Readonly<Record<string, () => URL>> = {
  simd: () => new URL('./simd.wasm', import.meta.url),
  relaxed: () => new URL('./relaxed.wasm', import.meta.url),
  'simd-shared': () => new URL('./simd-shared.wasm', import.meta.url),
  'relaxed-shared': () => new URL('./relaxed-shared.wasm', import.meta.url),
};

/** name: `simd`, `relaxed`, `simd-shared` or `relaxed-shared`. */
export async function compileKernels(name: string): Promise<WebAssembly.Module> {
  const address = ADDRESSES[name]!();
  const response = await fetch(address).catch((error) => {
    throw new Error(`cannot fetch ${address}: ${error.message}`);
  });
  if (!response.ok) throw new Error(`cannot fetch ${address}: ${response.status} ${response.statusText}`);
  return WebAssembly.compile(new Uint8Array(await response.arrayBuffer()));
}
