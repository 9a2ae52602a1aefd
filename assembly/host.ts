/**
 * What the shared builds import from `src/backend/wasm/modules.ts` besides their memory.
 *
 * Sleeps while the word at `address` is `expected`, for `milliseconds` at most; spurious returns are allowed.
 * Not `memory.atomic.wait32`: the baseline compiler of V8 11.3 (Node.js 20) loses the caller's locals across it.
 */
export declare function wait(address: usize, expected: i32, milliseconds: f64): void;
