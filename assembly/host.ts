/**
 * What the builds import from `src/backend/wasm/modules.ts` besides their memory. Builds without shared memory import only `now`.
 *
 * `wait` sleeps while the word at `address` is `expected`, for `milliseconds` at most; spurious returns are allowed.
 * It is imported because the baseline compiler of V8 11.3 (Node.js 20) loses the caller's locals across `memory.atomic.wait32`.
 */
export declare function wait(address: usize, expected: i32, milliseconds: f64): void;

/**
 * Makes this thread see the current size of the memory. When another thread grows the memory, this one learns of it only
 * later. Until then V8 traps atomic operations, memory.copy and memory.fill in the new part, and plain loads and stores
 * too where it checks addresses in code (without guard pages, on 32-bit machines).
 */
export declare function seeGrowth(): void;

/** Milliseconds on the host's clock, the clock of the deadlines that the host gives to `run` and `resume`. */
export declare function now(): f64;
