/** WebGPU in Node.js: that of the process where it has one, else the package `webgpu`, which is Dawn of Chromium. */

/** Dawn, kept: the adapters and devices that it gave do not survive it. */
let dawn: object | undefined;

/** Where the operating system is asked for adapters; a string says why there is none. */
export async function findGpu(): Promise<object | string> {
  const own = (globalThis as { navigator?: { gpu?: object } }).navigator?.gpu;
  if (own) return own;
  try {
    const name = 'webgpu';
    const { create } = (await import(name)) as { create(options: readonly string[]): object };
    dawn ??= create([]);
    return dawn;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND') return 'the package webgpu is not installed (npm install webgpu)';
    return `the package webgpu cannot be loaded: ${message.split('\n')[0]}`;
  }
}
