// What the tests of kernels share: memory that tests and kernels see.
//
// A test is one source for both: built by a C++ compiler it runs on the emulator, built by nvcc (-x cu) on a GPU. Kernels get plain
// device memory. Tests write and read a copy of it on the host, which goes to the device before a launch and comes back after it.
#pragma once
#include <cstring>
#include <set>
#include <vector>

#include "expect.h"

namespace incache::cuda::test {

// Bytes that are NaN in every format until something is written; on the emulator with an inaccessible page behind them.
class Memory {
 public:
  explicit Memory(int64_t bytes) : host_(static_cast<size_t>(bytes), 0xff) {
    const cudaError_t error = cudaMalloc(&device_, host_.size());
    expect(error == cudaSuccess, "allocation of %lld bytes: %s", static_cast<long long>(bytes), cudaGetErrorString(error));
    all().insert(this);
  }
  ~Memory() {
    all().erase(this);
    cudaFree(device_);
  }
  Memory(const Memory &) = delete;

  void *device() const { return device_; }
  void *host() const { return const_cast<unsigned char *>(host_.data()); }

  // All that there is, in the order of the stream; the second waits for it, and tells how the stream has ended.
  static void toDevice(cudaStream_t stream) {
    for (const Memory *m : all()) cudaMemcpyAsync(m->device(), m->host(), m->host_.size(), cudaMemcpyHostToDevice, stream);
  }
  static cudaError_t toHost(cudaStream_t stream) {
    for (const Memory *m : all()) cudaMemcpyAsync(m->host(), m->device(), m->host_.size(), cudaMemcpyDeviceToHost, stream);
    return cudaStreamSynchronize(stream);
  }

 private:
  std::vector<unsigned char> host_;
  void *device_ = nullptr;

  static std::set<const Memory *> &all() {
    static std::set<const Memory *> memories;
    return memories;
  }
};

// Elements that both sides see.
template <class T>
class Array {
 public:
  explicit Array(int64_t count) : memory_(count * static_cast<int64_t>(sizeof(T))) {}
  // For kernels.
  T *data() const { return static_cast<T *>(memory_.device()); }
  T &operator[](int64_t place) const { return static_cast<T *>(memory_.host())[place]; }

 private:
  Memory memory_;
};

}  // namespace incache::cuda::test
