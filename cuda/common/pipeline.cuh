// A loop over the depth whose loads run ahead of its products, through a ring of stages in shared memory.
#pragma once
#include "ptx.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// For each of `steps` steps, `Stages` - 1 of them in flight:
//   begin(step, stage)  starts the step's asynchronous copies into a stage that nobody reads any more
//   use(stage)          multiplies a stage that has arrived in full
//   end(step, stage)    stores into the stage what begin had loaded into registers; nothing, where all is copied asynchronously
// All threads of the block take part. Afterwards the ring's memory is free for other uses.
template <int Stages, class Begin, class Use, class End>
__device__ __forceinline__ void runPipeline(int steps, Begin begin, Use use, End end) {
#pragma unroll
  for (int step = 0; step < Stages - 1; step++) {
    if (step < steps) {
      begin(step, step);
      end(step, step);
    }
    commitCopies();
  }
  int stage = 0, free = Stages - 1;
#pragma unroll 1
  for (int step = 0; step < steps; step++) {
    // Groups are committed at every step, empty ones too: the one that is waited for is always the same number back.
    waitCopies<Stages - 2>();
    synchronizeBlock();
    const int ahead = step + Stages - 1;
    if (ahead < steps) begin(ahead, free);
    commitCopies();
    use(stage);
    if (ahead < steps) end(ahead, free);
    free = stage;
    stage = stage + 1 == Stages ? 0 : stage + 1;
  }
  waitCopies<0>();
  synchronizeBlock();
}

template <int Stages, class Begin, class Use>
__device__ __forceinline__ void runPipeline(int steps, Begin begin, Use use) {
  runPipeline<Stages>(steps, begin, use, [](int, int) {});
}

}  // namespace incache::cuda::INCACHE_STORAGE
