/** Threads of kernels: module workers, which a worker may start too. */
import type { KernelThread, MessageScope, ThreadEvents } from '../types.js';

/** Starts `backend/wasm/worker.js` (`thread.js` beside the bundle) with `start`. */
export function startKernelThread(start: unknown, { joined, ended }: ThreadEvents): KernelThread {
  const worker = new Worker(new URL('./thread.js', import.meta.url), {
    type: 'module',
    name: 'incache kernels',
  });
  worker.onmessage = joined;
  worker.onerror = (event) => ended(event.message || 'its file could not be loaded');
  worker.onmessageerror = () => ended('the browser does not share memory with workers');
  worker.postMessage(start);
  return { terminate: async () => worker.terminate() };
}

/** In such a thread: calls `main` with what it was started with, and with what tells the starter that it joins. */
export function runKernelThread<T>(main: (start: T, join: () => void) => void): void {
  const scope = globalThis as unknown as MessageScope;
  scope.onmessage = ({ data }) => main(data as T, () => scope.postMessage('joins'));
}
