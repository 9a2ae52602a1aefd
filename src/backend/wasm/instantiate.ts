/** An instance of the kernels, on this thread. */

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
