// A plan's operations as one graph of CUDA.
#pragma once
#include "device.h"

namespace incache {

struct GpuProgram {
  // Throws an Error that names the operation whose kernel could not be launched.
  GpuProgram(GpuDevice &device, const BoundOp *ops, size_t count, void *scratch);
  ~GpuProgram();
  GpuProgram(const GpuProgram &) = delete;
  void run();

  // Bytes of scratch for all operations, which take turns with it.
  static int64_t scratch(const GpuDevice &device, const BoundOp *ops, size_t count);

 private:
  GpuDevice &device_;
  cudaGraphExec_t graph_ = nullptr;

  cudaGraph_t capture(const BoundOp *ops, size_t count, void *scratch);
};

}  // namespace incache
