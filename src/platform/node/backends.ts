/** The backends, in order of preference. The reference backend is the oracle and `gpu` is young: they serve only when asked for by name. */
import type { Backend } from '../../backend/backend.js';
import { cudaBackend } from '../../backend/cuda/index.js';
import { gpuBackend } from '../../backend/gpu/index.js';
import { nativeBackend } from '../../backend/native/index.js';
import { referenceBackend } from '../../backend/reference/index.js';
import { wasmBackend } from '../../backend/wasm/index.js';

export const BACKENDS: readonly Backend[] = [
  cudaBackend,
  nativeBackend,
  wasmBackend,
  gpuBackend,
  referenceBackend,
];
