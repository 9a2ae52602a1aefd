/** Threads of kernels: workers that never keep the process alive. */
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { packageFile } from '../../packageFile.js';
import type { KernelThread, ThreadEvents } from '../types.js';

/** Starts `backend/wasm/worker.js` with `start`. Throws where the system gives no more threads. */
export function startKernelThread(start: unknown, { joined, ended }: ThreadEvents): KernelThread {
  // The flags of the process are not for the worker: it has one file to load, and `--input-type` would break it.
  const worker = new Worker(packageFile('dist/src/backend/wasm/worker.js'), {
    workerData: start,
    execArgv: [],
  });
  worker.unref();
  worker.once('message', joined);
  worker.on('error', (error) => ended(error.message));
  worker.on('exit', () => ended('it exited'));
  return worker;
}

/** In such a thread: calls `main` with what it was started with, and with what tells the starter that it joins. */
export function runKernelThread<T>(main: (start: T, join: () => void) => void): void {
  main(workerData as T, () => parentPort!.postMessage('joins'));
}
