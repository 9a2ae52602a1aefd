// A plugin without a GPU, for tests of what calls do while another one waits for the device: as cuda/plugin.cpp, it lets one call in at
// a time that does not wait. It waits from the moment at which it has made the file WAITS until the file ENDS is there.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/cuda_plugin.h"

namespace incache {

struct GpuDevice {
  std::mutex mutex;
};
struct GpuProgram {
  GpuDevice *device;
};

namespace {

incache_status describe(int, GpuFacts *facts, GpuFailure *) {
  std::strcpy(facts->name, "no GPU");
  facts->computeCapability = 80;
  facts->memory = 1 << 30;
  return INCACHE_OK;
}
incache_status open(int, GpuDevice **device, GpuFailure *) {
  *device = new GpuDevice;
  return INCACHE_OK;
}
void close(GpuDevice *device) { delete device; }

incache_status allocate(GpuDevice *device, int64_t bytes, bool, void **at, GpuFailure *) {
  std::lock_guard lock(device->mutex);
  *at = std::calloc(static_cast<size_t>(bytes) + 1, 1);
  return INCACHE_OK;
}
void release(GpuDevice *device, void *at) {
  std::lock_guard lock(device->mutex);
  std::free(at);
}
incache_status upload(GpuDevice *device, void *to, const void *from, int64_t bytes, GpuFailure *) {
  std::lock_guard lock(device->mutex);
  std::memcpy(to, from, static_cast<size_t>(bytes));
  return INCACHE_OK;
}
incache_status download(GpuDevice *device, void *to, const void *from, int64_t bytes, GpuFailure *failure) {
  return upload(device, to, from, bytes, failure);
}
incache_status wait(GpuDevice *, GpuFailure *failure) {
  std::ofstream(WAITS) << "waits";
  for (int i = 0; i < 2000; i++) {
    if (std::ifstream(ENDS)) return INCACHE_OK;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::strcpy(failure->text, "nobody ended the wait");
  return INCACHE_INTERNAL;
}

int64_t weightStride(int64_t depth) { return depth; }
int64_t scratch(GpuDevice *, const BoundOp *, size_t) { return 0; }
incache_status record(GpuDevice *device, const BoundOp *, size_t, void *, GpuProgram **program, GpuFailure *) {
  std::lock_guard lock(device->mutex);
  *program = new GpuProgram{device};
  return INCACHE_OK;
}
incache_status run(GpuProgram *program, GpuFailure *) {
  std::lock_guard lock(program->device->mutex);
  return INCACHE_OK;
}
void destroy(GpuProgram *program) {
  std::lock_guard lock(program->device->mutex);
  delete program;
}

constexpr CudaPlugin kPlugin = {INCACHE_VERSION, cudaPluginLayout(), describe, open,   close, allocate, release, upload,
                                wait,            download,           weightStride, scratch, record, run, destroy};

}  // namespace
}  // namespace incache

extern "C" const incache::CudaPlugin *incache_cuda_plugin() { return &incache::kPlugin; }
