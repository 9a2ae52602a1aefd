// The table of CUDA kernels: what runs an operation whose operands have been resolved to device memory. The plugin
// (plugin.cpp) records a plan's operations into a graph through it; kernels know nothing of plans.
#pragma once
#include "../cpp/core/bound.h"
#include "common/storage.h"
#ifdef INCACHE_CUDA_EMULATED
#include "emulator/runtime.h"
#else
#include <cuda.h>
#include <cuda_runtime.h>
#endif

namespace incache::cuda {

// Kernels whose values no GPU has compared yet, and whether each may be taken nevertheless.
struct Unproven {
  bool alternating = false;  // linear whose warpgroups take tiles in turn
  bool wide = false;         // calibratedLinear in blocks of 128 rows
  bool stacked = false;      // calibratedLinear in blocks of 64 rows
  bool attention = false;
  bool narrow = false;       // linear in tiles of 64 rows or 96 columns
  bool convolution = false;  // on tensor cores, on every chip
};
constexpr Unproven kAllUnproven{true, true, true, true, true, true};

// What kernels may know of the device that they are launched on.
struct Chip {
  int computeCapability;  // 80, 89, 90, ...
  int multiprocessors;
  int64_t sharedBytes;  // most dynamic shared memory of a block
  Unproven unproven = {};
};

struct LaunchContext {
  Chip chip;
  cudaStream_t stream;
  // As many bytes of device memory as `scratch` asked for, at a multiple of 256; what they hold is undefined.
  char *scratch;
};

// Weights (BoundOp::weight, factors) are rows x depth, K-major, in a 16-bit type or float32, each row padded with
// zeros to `weightStride` elements: every row starts at a multiple of 16 bytes, whatever the depth.
inline int64_t weightStride(int64_t depth) { return (depth + 7) / 8 * 8; }

struct CudaKernel {
  // Bytes of scratch that the operation needs.
  int64_t (*scratch)(const BoundOp &, const Chip &);
  // Enqueues the operation on the stream; called once for each plan, while its graph is captured. Must not synchronise,
  // allocate or read device memory. Launch errors are left for cudaGetLastError.
  void (*launch)(const BoundOp &, const LaunchContext &);
};

// What is 16-bit of an operation's operands is of one type (BoundOp::storage); the kernels of that type run it.
inline namespace INCACHE_STORAGE {
#define INCACHE_KERNEL(kind, name) extern const CudaKernel k##name;
INCACHE_KINDS(INCACHE_KERNEL)
#undef INCACHE_KERNEL
}  // namespace INCACHE_STORAGE

// All of them, in the order of OpKind, for each type.
namespace bf16 {
extern const CudaKernel *const kKernels[kOpKinds];
}
namespace f16 {
extern const CudaKernel *const kKernels[kOpKinds];
}

}  // namespace incache::cuda
