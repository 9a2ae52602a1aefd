/** What the module exports to `src/backend/wasm/`. */
export { multiply } from './microkernel';
export { resume, run, work } from './program';
