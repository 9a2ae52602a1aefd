// As much of the CUDA runtime as the plugin and the kernels' host code use, over the emulator's machine.
//
// What is enqueued on a stream runs when the stream is synchronised, not before: a result that is read without waiting is
// not there yet. Device memory is host memory with an inaccessible page before and behind each allocation, and is itself accessible only
// while a stream runs: a test or the plugin that reads or writes it from the host ends as it would on a GPU.
//   INCACHE_EMULATED_CAPABILITY  compute capability, as 80 (the default), 89 or 90
//   INCACHE_EMULATED_MEMORY      bytes of device memory, 8 GiB if not given
//   INCACHE_EMULATED_DEVICES     how many devices there are, 1 if not given
//   INCACHE_EMULATED_DRIVER      version of the driver, as 13000
//   INCACHE_EMULATED_FAULT       launch: no kernel can be launched; work: what was enqueued fails when it is waited for
#pragma once
#include <cstddef>

#include "language.h"

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNotReady = 600,
  cudaErrorLaunchFailure = 719,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed };
enum { cudaStreamNonBlocking = 1 };
enum { cudaEventDisableTiming = 2 };

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  size_t sharedMemPerBlockOptin, totalGlobalMem;
  int l2CacheSize;
};

namespace incache::cuda::emulator {
struct Graph;
struct Stream;
struct Event;
}  // namespace incache::cuda::emulator

using cudaStream_t = incache::cuda::emulator::Stream *;
using cudaGraph_t = incache::cuda::emulator::Graph *;
using cudaGraphExec_t = incache::cuda::emulator::Graph *;
using cudaEvent_t = incache::cuda::emulator::Event *;

const char *cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device);
cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
cudaError_t cudaMalloc(void **at, size_t bytes);
cudaError_t cudaMallocAsync(void **at, size_t bytes, cudaStream_t);
cudaError_t cudaFree(void *at);
cudaError_t cudaFreeAsync(void *at, cudaStream_t stream);
cudaError_t cudaMallocHost(void **at, size_t bytes);
cudaError_t cudaFreeHost(void *at);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void *), void *argument);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long);
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);

namespace incache::cuda::emulator {

// A kernel with its arguments.
struct Work {
  virtual ~Work() = default;
  virtual void run() const = 0;
};
template <class Call>
struct WorkOf final : Work {
  Call call;
  explicit WorkOf(const Call &call) : call(call) {}
  void run() const override { call(); }
};
template <class T>
struct Same {
  using Type = T;
};
template <class... Parameters>
const Work *workOf(void (*kernel)(Parameters...), typename Same<Parameters>::Type... arguments) {
  const auto call = [=] { kernel(arguments...); };
  return new WorkOf<decltype(call)>(call);
}

// Takes the work over, also where it cannot be launched.
void launchWork(Stream *stream, dim3 grid, dim3 block, int64_t shared, const Work *work);

template <class... Parameters, class... Arguments>
void launchOn(Stream *stream, void (*kernel)(Parameters...), dim3 grid, dim3 block, int64_t shared, Arguments &&...arguments) {
  launchWork(stream, grid, block, shared, workOf(kernel, static_cast<Parameters>(arguments)...));
}

}  // namespace incache::cuda::emulator
