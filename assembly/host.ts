/**
 * What the builds import from `src/backend/wasm/modules.ts` besides their memory; all but `now` only where it is shared.
 *
 * `wait` sleeps while the word at `address` is `expected`, for `milliseconds` at most; spurious returns are allowed.
 * Not `memory.atomic.wait32`: the baseline compiler of V8 11.3 (Node.js 20) loses the caller's locals across it.
 */
export declare function wait(address: usize, expected: i32, milliseconds: f64): void;

/**
 * Makes this thread know the present size of the memory. A thread learns of a growth on another one only some time
 * later. Until then V8 traps atomic operations and memory.copy and memory.fill in the new part, and plain loads and
 * stores too where it checks addresses in code (without guard pages, on 32-bit machines).
 */
export declare function seeGrowth(): void;

/** Milliseconds on the clock of the host, by which it says when it wants to have the thread back. */
export declare function now(): f64;
