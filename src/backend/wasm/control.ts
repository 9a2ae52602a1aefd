/** Byte addresses of the control block; `assembly/control.ts` has the same table and says what the words mean. */
export const CONTROL = {
  epoch: 64,
  phase: 192,
  joined: 256,
  program: 320,
  operations: 324,
  scratch: 328,
  scratchStride: 332,
  strip: 336,
  pages: 340,
  failure: 384,
  failurePlace: 388,
  failureValue: 392,
  stop: 396,
  tile: 448,
} as const;

/** Where the memory that the allocator hands out begins. */
export const HEAP_START = 1024;
