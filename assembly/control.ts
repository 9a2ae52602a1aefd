/**
 * The control block: the first cache lines of the memory, shared by the host and all threads. Words that
 * threads write while others read them have a cache line of their own. Every atomic operation is on a word of this
 * block, never on memory that was added later: see `seeGrowth` in `host.ts`.
 *
 *     64  epoch      run number << 8 | threads taking part; increased by the host to start a run
 *    128  arrivals   threads that have reached the barrier
 *    192  phase      increased by two by the last thread to arrive; odd when the run ends there
 *    256  joined     workers that are waiting for runs
 *    320  program    address of the operation records
 *    324  operations how many operations the program has
 *    328  scratch    address of the threads' scratch regions
 *    332  stride     bytes of one scratch region
 *    336  strip      rows of a micro-kernel, 4 to 6
 *    340  pages      size of the memory when the run was started, in pages of 64 KiB
 *    384  failure    0, or 1 + the operation that found a value it cannot use
 *    388  place      the row of the operand that held that value
 *    392  value      the value
 *    396  stop       not 0: the run is to end with the operation that the threads are at
 *    448  tile       next tile of work of the operation that the threads are at
 *
 * `src/backend/wasm/control.ts` has the same table.
 */
export const EPOCH: usize = 64;
export const ARRIVALS: usize = 128;
export const PHASE: usize = 192;
export const JOINED: usize = 256;
export const PROGRAM: usize = 320;
export const OPERATIONS: usize = 324;
export const SCRATCH: usize = 328;
export const SCRATCH_STRIDE: usize = 332;
export const STRIP: usize = 336;
export const PAGES: usize = 340;
export const FAILURE: usize = 384;
export const FAILURE_PLACE: usize = 388;
export const FAILURE_VALUE: usize = 392;
export const STOP: usize = 396;
export const TILE: usize = 448;
