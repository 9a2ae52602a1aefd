// Launching a kernel: kernel<<<>>> under another name, so that the emulator can take its place.
#pragma once
#include "../kernels.h"
#include "ptx.cuh"

namespace incache::cuda {

#ifdef INCACHE_CUDA_EMULATED
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared, const LaunchContext &context, Arguments &&...arguments) {
  emulator::launchOn(context.stream, kernel, grid, block, shared, static_cast<Arguments &&>(arguments)...);
}
#else
// Launches kernel(arguments...) with so much dynamic shared memory. An error is left for cudaGetLastError.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared, const LaunchContext &context, Arguments &&...arguments) {
  if (shared > 48 * 1024)
    cudaFuncSetAttribute(reinterpret_cast<const void *>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = static_cast<size_t>(shared);
  config.stream = context.stream;
  cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}
#endif

inline int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t roundUp(int64_t a, int64_t b) { return divideUp(a, b) * b; }

// A kernel that needs no scratch.
inline int64_t noScratch(const BoundOp &, const Chip &) { return 0; }

}  // namespace incache::cuda
