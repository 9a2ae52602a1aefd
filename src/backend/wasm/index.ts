/** The wasm backend: WebAssembly SIMD kernels on one or several threads. It is present wherever Node.js is. */
import { IncacheError } from '../../errors.js';
import type { Backend, BackendStatus } from '../backend.js';
import { threadsText } from '../threads.js';
import { MOST_THREADS, openWasmDevice } from './device.js';
import { detectFeatures } from './features.js';
import { whyNoMemory } from './memory.js';

export const wasmBackend: Backend = {
  name: 'wasm',
  precisions: ['f32', 'int8'],
  status,
  async open(options) {
    const { available, detail } = status();
    if (!available) throw new IncacheError(`the wasm backend is absent: ${detail}`);
    return openWasmDevice(options);
  },
};

function status(): BackendStatus {
  const { simd, relaxed, shared } = detectFeatures();
  if (!simd) return { name: 'wasm', available: false, detail: 'this engine has no WebAssembly SIMD' };
  const reason = whyNoMemory(shared);
  if (reason !== undefined) return { name: 'wasm', available: false, detail: reason };
  const memory = shared ? 'shared memory' : 'unshared memory';
  const detail = `WebAssembly ${relaxed ? 'relaxed SIMD' : 'SIMD'}, ${memory}, ${threadsText(shared ? MOST_THREADS : 1)}`;
  return { name: 'wasm', available: true, detail };
}
