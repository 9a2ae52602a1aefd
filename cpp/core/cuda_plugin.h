// What the library and the CUDA plugin (cuda/plugin.cpp) know of each other: a table of functions. The plugin is a shared
// object of its own, opened at run time, so that the library needs no part of CUDA. Both are built from one source tree by
// compilers of one ABI, which is checked; so BoundOp and Op cross as they are. No exception crosses.
#pragma once
#include "bound.h"

namespace incache {

// Of the plugin; the library only hands them back.
struct GpuDevice;
struct GpuProgram;

struct GpuFacts {
  char name[256];
  int computeCapability;  // 80, 89, 90, ...
  uint64_t memory;
};

// Why a call failed: a sentence without the name of the device. Filled in unless the status is INCACHE_OK.
struct GpuFailure {
  char text[1024];
  // Bytes that the device has free, if the status is INCACHE_OUT_OF_MEMORY.
  uint64_t freeMemory;
};

struct CudaPlugin {
  // The version of the sources that it was built from. If version or layout differ, no other field is read and the plugin is not used.
  const char *version;
  uint64_t layout;

  incache_status (*describe)(int index, GpuFacts *facts, GpuFailure *failure);
  incache_status (*open)(int index, GpuDevice **device, GpuFailure *failure);
  // Called after everything that belongs to the device has been released.
  void (*close)(GpuDevice *device);

  // Functions of one device may be called from any thread. They wait for each other while one enqueues, not while one waits for the
  // device. Enqueued work continues meanwhile.
  incache_status (*allocate)(GpuDevice *device, int64_t bytes, bool zeros, void **at, GpuFailure *failure);
  void (*release)(GpuDevice *device, void *at);
  // `from` may be changed as soon as this returns, even if the copy has not reached the device yet.
  incache_status (*upload)(GpuDevice *device, void *to, const void *from, int64_t bytes, GpuFailure *failure);
  // Waits for all enqueued work; fails if that has failed.
  incache_status (*wait)(GpuDevice *device, GpuFailure *failure);
  // Waits too.
  incache_status (*download)(GpuDevice *device, void *to, const void *from, int64_t bytes, GpuFailure *failure);

  // Elements from one row of a packed weight of this depth to the next.
  int64_t (*weightStride)(int64_t depth);
  // Bytes of scratch that the operations need, one after the other.
  int64_t (*scratch)(GpuDevice *device, const BoundOp *ops, size_t count);
  // Makes a program of operations. The operations and the scratch must outlive it.
  incache_status (*record)(GpuDevice *device, const BoundOp *ops, size_t count, void *scratch, GpuProgram **program, GpuFailure *failure);
  // Enqueues all operations of a program.
  incache_status (*run)(GpuProgram *program, GpuFailure *failure);
  void (*destroy)(GpuProgram *program);
};

// Differs where the two compilers lay out the shared structures differently.
constexpr uint64_t cudaPluginLayout() { return sizeof(CudaPlugin) << 48 | sizeof(BoundOp) << 32 | sizeof(Op) << 16 | (sizeof(GpuFailure) + sizeof(std::string)); }

// The one symbol that a plugin exports.
constexpr const char *kCudaPluginSymbol = "incache_cuda_plugin";
using CudaPluginEntry = const CudaPlugin *(*)();

}  // namespace incache
