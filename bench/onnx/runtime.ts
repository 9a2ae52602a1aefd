/** onnxruntime: its native library (onnxruntime-node) and its WebAssembly build (onnxruntime-web). */
import { requirePeer } from '../peer.js';
import type { Runtime } from './openModel.js';

/** Throws with code MODULE_NOT_FOUND where it is not installed. */
export function onnxruntimeNode(): Runtime {
  // Since 1.29 it reports sessions and run times to its maker, unless told not to before it is loaded.
  process.env.ORT_DISABLE_TELEMETRY = '1';
  return requirePeer('onnxruntime-node') as Runtime;
}

/**
 * Its threads are fixed for good when the first session is made: one number of them a process.
 * Throws with code ERR_MODULE_NOT_FOUND where it is not installed.
 */
export async function onnxruntimeWeb(threads: number): Promise<Runtime> {
  const runtime = await import('onnxruntime-web');
  runtime.env.wasm.numThreads = threads;
  return runtime;
}
