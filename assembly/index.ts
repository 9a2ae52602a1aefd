/** What the module exports to `src/backend/wasm/`. */
export { multiplyStrips } from './microkernel';
export { resume, run, work } from './program';
