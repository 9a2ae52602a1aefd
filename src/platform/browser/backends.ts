/** The backends that a page can have, in order of preference. */
import type { Backend } from '../../backend/backend.js';
import { gpuBackend } from '../../backend/gpu/index.js';
import { wasmBackend } from '../../backend/wasm/index.js';

export const BACKENDS: readonly Backend[] = [wasmBackend, gpuBackend];
