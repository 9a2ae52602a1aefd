// One GPU: a stream on which all happens in order, memory that is taken and given back in that order, and page-locked
// memory through which the host's bytes come and go.
//
// Threads enqueue one at a time, and nobody keeps the others from it while he waits. That is safe because a wait is for an event behind
// what had been enqueued by then: what others enqueue meanwhile comes after it, memory that they give back is free only after all of
// that, memory that they take is not known to whoever waits, and a plan that is being captured has nothing to do with the event.
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

  // Makes this the GPU of the calling thread, and has it enqueue alone. Throws an Error when the GPU is lost.
  std::unique_lock<std::mutex> enter() { return enter(true); }
  // The same for giving back, which goes on after that.
  std::unique_lock<std::mutex> enterAnyway() { return enter(false); }
  // Throws an Error for an error of CUDA. One that stays makes the GPU lost.
  void require(const char *doing, cudaError_t error);
  // Until all that was enqueued has ended; others may enqueue meanwhile. Throws an Error when it has failed.
  void wait();

  const cuda::Chip &chip() const { return chip_; }
  cudaStream_t stream() const { return stream_; }

 private:
  const int index_;
  cuda::Chip chip_;
  cudaStream_t stream_ = nullptr;
  // Behind what was enqueued when a wait began. One that begins meanwhile moves it on: the first then waits for more, not for less.
  cudaEvent_t enqueued_ = nullptr;
  // Held by a copy from its beginning to its end: it has the staging memory for itself.
  std::mutex copying_;
  char *staging_ = nullptr;
  // How much of the staging memory copies on their way still need.
  int64_t staged_ = 0;
  // Held while a call enqueues, not while it waits.
  std::mutex mutex_;
  // Why nothing works any more, once that is so.
  std::string lost_;

  std::unique_lock<std::mutex> enter(bool working);
  // The wait of a thread that has entered, and that has entered again when this returns.
  void waitOutside(std::unique_lock<std::mutex> &entered);
};

}  // namespace incache
