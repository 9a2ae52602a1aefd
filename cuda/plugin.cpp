// The CUDA plugin of libincache: the table of functions by which the library reaches GPUs (cpp/core/cuda_plugin.h).
#include <cstdio>
#include <new>

#include "runtime/check.h"
#include "runtime/find.h"
#include "runtime/program.h"

namespace incache {
namespace {

incache_status fail(incache_status status, const char *text, GpuFailure *failure) {
  std::snprintf(failure->text, sizeof failure->text, "%s", text);
  return status;
}

// No exception leaves the plugin.
template <class Body>
incache_status guarded(GpuFailure *failure, Body body) noexcept {
  try {
    body();
    return INCACHE_OK;
  } catch (const OutOfMemory &error) {
    failure->freeMemory = error.limit - error.inUse;
    return fail(error.status, error.what(), failure);
  } catch (const Error &error) {
    return fail(error.status, error.what(), failure);
  } catch (const std::bad_alloc &) {
    return fail(INCACHE_OUT_OF_MEMORY, "the process is out of memory", failure);
  } catch (const std::exception &error) {
    return fail(INCACHE_INTERNAL, error.what(), failure);
  } catch (...) {
    return fail(INCACHE_INTERNAL, "an unknown exception", failure);
  }
}

incache_status describe(int index, GpuFacts *facts, GpuFailure *failure) {
  return guarded(failure, [&] {
    const cudaDeviceProp properties = cuda::propertiesOf(index);
    std::snprintf(facts->name, sizeof facts->name, "%s", properties.name);
    facts->computeCapability = properties.major * 10 + properties.minor;
    facts->memory = properties.totalGlobalMem;
  });
}

incache_status open(int index, GpuDevice **device, GpuFailure *failure) {
  return guarded(failure, [&] { *device = new GpuDevice(index); });
}
void close(GpuDevice *device) { delete device; }

incache_status allocate(GpuDevice *device, int64_t bytes, bool zeros, void **at, GpuFailure *failure) {
  return guarded(failure, [&] { *at = device->allocate(bytes, zeros); });
}
void release(GpuDevice *device, void *at) { device->release(at); }

incache_status upload(GpuDevice *device, void *to, const void *from, int64_t bytes, GpuFailure *failure) {
  return guarded(failure, [&] { device->upload(to, from, bytes); });
}
incache_status wait(GpuDevice *device, GpuFailure *failure) {
  return guarded(failure, [&] { device->wait(); });
}
incache_status download(GpuDevice *device, void *to, const void *from, int64_t bytes, GpuFailure *failure) {
  return guarded(failure, [&] { device->download(to, from, bytes); });
}

int64_t scratch(GpuDevice *device, const BoundOp *ops, size_t count) { return GpuProgram::scratch(*device, ops, count); }
incache_status record(GpuDevice *device, const BoundOp *ops, size_t count, void *memory, GpuProgram **program, GpuFailure *failure) {
  return guarded(failure, [&] { *program = new GpuProgram(*device, ops, count, memory); });
}
incache_status run(GpuProgram *program, GpuFailure *failure) {
  return guarded(failure, [&] { program->run(); });
}
void destroy(GpuProgram *program) { delete program; }

constexpr CudaPlugin kPlugin = {INCACHE_VERSION, cudaPluginLayout(), describe, open,   close, allocate, release, upload,
                                wait,            download,           cuda::weightStride, scratch, record, run, destroy};

}  // namespace
}  // namespace incache

extern "C" __attribute__((visibility("default"))) const incache::CudaPlugin *incache_cuda_plugin() { return &incache::kPlugin; }
