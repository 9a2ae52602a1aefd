// One GPU: a stream on which all happens in order, memory that is taken and given back in that order, and page-locked
// memory through which the host's bytes come and go.
#pragma once
#include <mutex>
#include <string>

#include "../../cpp/core/cuda_plugin.h"
#include "../kernels.h"

namespace incache {

struct GpuDevice {
  explicit GpuDevice(int index);
  ~GpuDevice();
  GpuDevice(const GpuDevice &) = delete;

  void *allocate(int64_t bytes, bool zeros);
  void release(void *at);
  void upload(void *to, const void *from, int64_t bytes);
  void download(void *to, const void *from, int64_t bytes);

  // Makes this the GPU of the calling thread, and holds it for one call. Throws an Error when the GPU is lost.
  std::unique_lock<std::mutex> enter() { return enter(true); }
  // The same for giving back, which goes on after that.
  std::unique_lock<std::mutex> enterAnyway() { return enter(false); }
  // Throws an Error for an error of CUDA. One that stays makes the GPU lost.
  void require(const char *doing, cudaError_t error);
  // Until all that was enqueued has ended. Throws an Error when it has failed.
  void wait();

  const cuda::Chip &chip() const { return chip_; }
  cudaStream_t stream() const { return stream_; }

 private:
  const int index_;
  cuda::Chip chip_;
  cudaStream_t stream_ = nullptr;
  char *staging_ = nullptr;
  // How much of the staging memory copies on their way still need.
  int64_t staged_ = 0;
  // Why nothing works any more, once that is so.
  std::string lost_;
  std::mutex mutex_;

  std::unique_lock<std::mutex> enter(bool working);
};

}  // namespace incache
