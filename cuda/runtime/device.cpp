#include "device.h"

#include <algorithm>
#include <cstring>

#include "check.h"
#include "find.h"

namespace incache {
namespace {

// Holds what the host writes in a step many times over, and weights piece by piece.
constexpr int64_t kStagingBytes = 8 << 20;

}  // namespace

GpuDevice::GpuDevice(int index) : index_(index), chip_(cuda::chipOf(cuda::propertiesOf(index))) {
  cuda::check("it cannot be opened", cudaSetDevice(index));
  cuda::check("its stream cannot be made", cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  const cudaError_t noEvent = cudaEventCreateWithFlags(&enqueued_, cudaEventDisableTiming);
  const cudaError_t noMemory = noEvent == cudaSuccess ? cudaMallocHost(reinterpret_cast<void **>(&staging_), kStagingBytes) : cudaSuccess;
  if (noEvent == cudaSuccess && noMemory == cudaSuccess) return;
  if (enqueued_) cudaEventDestroy(enqueued_);
  cudaStreamDestroy(stream_);
  cuda::check("its event cannot be made", noEvent);
  cuda::check("page-locked memory cannot be had", noMemory);
}

GpuDevice::~GpuDevice() {
  const auto entered = enterAnyway();
  cudaStreamSynchronize(stream_);
  cudaFreeHost(staging_);
  cudaEventDestroy(enqueued_);
  cudaStreamDestroy(stream_);
  cudaGetLastError();
}

std::unique_lock<std::mutex> GpuDevice::enter(bool working) {
  std::unique_lock lock(mutex_);
  if (working && !lost_.empty()) throw Error(INCACHE_INTERNAL, "it is lost until the process ends, since " + lost_);
  const cudaError_t error = cudaSetDevice(index_);
  if (working) require("it cannot be used", error);
  return lock;
}

void GpuDevice::require(const char *doing, cudaError_t error) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  // What a kernel has broken stays broken: every call that follows reports it.
  if (error != cudaErrorMemoryAllocation && cudaStreamSynchronize(stream_) != cudaSuccess) lost_ = cuda::messageOf(doing, error);
  cuda::check(doing, error);
}

void GpuDevice::wait() {
  auto entered = enter();
  waitOutside(entered);
}

void GpuDevice::waitOutside(std::unique_lock<std::mutex> &entered) {
  const char *failed = "its work has failed";
  require(failed, cudaEventRecord(enqueued_, stream_));
  entered.unlock();
  const cudaError_t error = cudaEventSynchronize(enqueued_);
  entered.lock();
  require(failed, error);
}

void *GpuDevice::allocate(int64_t bytes, bool zeros) {
  auto entered = enter();
  void *at = nullptr;
  // A plan without temporaries has an arena of no bytes.
  const size_t size = static_cast<size_t>(std::max<int64_t>(bytes, 1));
  cudaError_t error = cudaMallocAsync(&at, size, stream_);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    // What was given back has gone once the work before it has ended, unless another thread takes it first.
    waitOutside(entered);
    error = cudaMallocAsync(&at, size, stream_);
  }
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    throw OutOfMemory("the GPU", size, total - free, total);
  }
  require("memory cannot be taken", error);
  if (zeros) require("memory cannot be cleared", cudaMemsetAsync(at, 0, static_cast<size_t>(bytes), stream_));
  return at;
}

// In the order of the stream: work that was enqueued before may still use it.
void GpuDevice::release(void *at) {
  const auto entered = enterAnyway();
  cudaFreeAsync(at, stream_);
  cudaGetLastError();
}

void GpuDevice::upload(void *to, const void *from, int64_t bytes) {
  const std::lock_guard copying(copying_);
  for (int64_t first = 0; first < bytes;) {
    if (staged_ == kStagingBytes) {
      wait();
      staged_ = 0;
    }
    const int64_t some = std::min(bytes - first, kStagingBytes - staged_);
    std::memcpy(staging_ + staged_, static_cast<const char *>(from) + first, static_cast<size_t>(some));
    const auto entered = enter();
    require("a copy to it has failed",
            cudaMemcpyAsync(static_cast<char *>(to) + first, staging_ + staged_, static_cast<size_t>(some), cudaMemcpyHostToDevice, stream_));
    staged_ += some;
    first += some;
  }
}

void GpuDevice::download(void *to, const void *from, int64_t bytes) {
  const std::lock_guard copying(copying_);
  for (int64_t first = 0; first < bytes; first += kStagingBytes) {
    const int64_t some = std::min(bytes - first, kStagingBytes);
    auto entered = enter();
    // After uploads that still need the staging memory, in the order of the stream.
    require("a copy from it has failed",
            cudaMemcpyAsync(staging_, static_cast<const char *>(from) + first, static_cast<size_t>(some), cudaMemcpyDeviceToHost, stream_));
    waitOutside(entered);
    staged_ = 0;
    entered.unlock();
    std::memcpy(static_cast<char *>(to) + first, staging_, static_cast<size_t>(some));
  }
}

}  // namespace incache
