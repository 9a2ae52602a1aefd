#include "program.h"

#include <algorithm>

#include "check.h"

namespace incache {
namespace {

using namespace cuda;

const CudaKernel &kernelOf(const BoundOp &b) {
  const CudaKernel *const *kernels = b.storage == INCACHE_F16 ? f16::kKernels : bf16::kKernels;
  return *kernels[static_cast<int>(b.op->kind)];
}

std::string placeOf(const BoundOp &b) {
  const std::string name = nameOf(b.op->kind);
  return b.op->layer.empty() ? name : name + " of " + b.op->layer;
}

}  // namespace

int64_t GpuProgram::scratch(const GpuDevice &device, const BoundOp *ops, size_t count) {
  int64_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes = std::max(bytes, kernelOf(ops[i]).scratch(ops[i], device.chip()));
  return bytes;
}

GpuProgram::GpuProgram(GpuDevice &device, const BoundOp *ops, size_t count, void *scratch) : device_(device) {
  const auto entered = device.enter();
  const cudaGraph_t graph = capture(ops, count, scratch);
  const cudaError_t error = cudaGraphInstantiate(&graph_, graph, 0);
  cudaGraphDestroy(graph);
  device.require("the graph of the plan cannot be made", error);
}

cudaGraph_t GpuProgram::capture(const BoundOp *ops, size_t count, void *scratch) {
  const LaunchContext context{device_.chip(), device_.stream(), static_cast<char *>(scratch)};
  // Relaxed: kernels are loaded at their first launch, which takes memory.
  device_.require("the plan cannot be recorded", cudaStreamBeginCapture(context.stream, cudaStreamCaptureModeRelaxed));
  std::string failed;
  cudaError_t error = cudaSuccess;
  for (size_t i = 0; i < count && error == cudaSuccess; i++) {
    kernelOf(ops[i]).launch(ops[i], context);
    error = cudaGetLastError();
    if (error != cudaSuccess) failed = placeOf(ops[i]) + " cannot be launched";
  }
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(context.stream, &graph);
  if (error == cudaSuccess && ended == cudaSuccess) return graph;
  if (graph) cudaGraphDestroy(graph);
  device_.require(failed.empty() ? "the plan cannot be recorded" : failed.c_str(), error == cudaSuccess ? ended : error);
  return nullptr;
}

GpuProgram::~GpuProgram() {
  const auto entered = device_.enterAnyway();
  // A run that is under way keeps what it needs of the graph.
  cudaGraphExecDestroy(graph_);
  cudaGetLastError();
}

void GpuProgram::run() {
  const auto entered = device_.enter();
  device_.require("the plan cannot be run", cudaGraphLaunch(graph_, device_.stream()));
}

}  // namespace incache
