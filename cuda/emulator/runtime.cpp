#include "runtime.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <utility>

#include "scheduler.h"

namespace incache::cuda::emulator {

using Action = std::function<void()>;
struct Graph {
  std::vector<Action> actions;
};
struct Stream {
  // Of what lies in it; and of whoever does its work.
  std::mutex mutex, working;
  bool capturing = false;
  std::vector<Action> captured, pending;
};
struct Event {
  std::chrono::steady_clock::time_point time;
  Stream *stream = nullptr;
};

int64_t settingOf(const char *name, int64_t otherwise) {
  const char *text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

bool hasFault(const char *kind) {
  const char *text = std::getenv("INCACHE_EMULATED_FAULT");
  return text && std::strcmp(text, kind) == 0;
}

constexpr size_t kPage = 4096;

struct Runtime {
  std::mutex mutex;
  struct Allocation {
    void *space;
    size_t spaceBytes, bytes;
  };
  std::map<void *, Allocation> allocations;
  size_t inUse = 0;
  int running = 0;  // streams
  static inline thread_local cudaError_t lastError = cudaSuccess;

  static Runtime &get() {
    static Runtime runtime;
    return runtime;
  }
  static size_t total() { return static_cast<size_t>(settingOf("INCACHE_EMULATED_MEMORY", int64_t{8} << 30)); }
  cudaError_t failed(cudaError_t error) {
    if (error != cudaSuccess) lastError = error;
    return error;
  }

  static void protect(const Allocation &a, int protection) {
    mprotect(static_cast<char *>(a.space) + kPage, a.spaceBytes - 2 * kPage, protection);
  }
  void protectAll(int protection) const {
    for (const auto &[at, allocation] : allocations) protect(allocation, protection);
  }
};

// Has device memory accessible as long as it lives.
struct Access {
  Access() {
    Runtime &runtime = Runtime::get();
    std::lock_guard lock(runtime.mutex);
    if (runtime.running++ == 0) runtime.protectAll(PROT_READ | PROT_WRITE);
  }
  ~Access() {
    Runtime &runtime = Runtime::get();
    std::lock_guard lock(runtime.mutex);
    if (--runtime.running == 0) runtime.protectAll(PROT_NONE);
  }
  Access(const Access &) = delete;
};

void enqueue(Stream *stream, Action action) {
  std::lock_guard lock(stream->mutex);
  (stream->capturing ? stream->captured : stream->pending).push_back(std::move(action));
}

cudaError_t allocate(void **at, size_t bytes) {
  Runtime &runtime = Runtime::get();
  std::lock_guard lock(runtime.mutex);
  if (runtime.inUse + bytes > Runtime::total()) return runtime.failed(cudaErrorMemoryAllocation);
  // The end of an allocation, to a multiple of the alignment that CUDA promises, lies at the page that nobody may touch.
  const size_t padded = (bytes + 255) / 256 * 256, whole = (padded + kPage - 1) / kPage * kPage;
  void *space = mmap(nullptr, whole + 2 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (space == MAP_FAILED) return runtime.failed(cudaErrorMemoryAllocation);
  char *first = static_cast<char *>(space) + kPage;
  mprotect(first, whole, PROT_READ | PROT_WRITE);
  std::memset(first, 0xff, whole);
  *at = first + (whole - padded);
  runtime.allocations[*at] = {space, whole + 2 * kPage, bytes};
  if (runtime.running == 0) Runtime::protect(runtime.allocations[*at], PROT_NONE);
  runtime.inUse += bytes;
  return cudaSuccess;
}
cudaError_t release(void *at) {
  Runtime &runtime = Runtime::get();
  std::lock_guard lock(runtime.mutex);
  if (!at) return cudaSuccess;
  const auto found = runtime.allocations.find(at);
  if (found == runtime.allocations.end()) return runtime.failed(cudaErrorInvalidValue);
  munmap(found->second.space, found->second.spaceBytes);
  runtime.inUse -= found->second.bytes;
  runtime.allocations.erase(found);
  return cudaSuccess;
}

}  // namespace incache::cuda::emulator

const char *cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidConfiguration: return "invalid configuration argument";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorLaunchFailure: return "unspecified launch failure";
    default: return "invalid argument";
  }
}
cudaError_t cudaGetLastError() {
  return std::exchange(incache::cuda::emulator::Runtime::get().lastError, cudaSuccess);
}
cudaError_t cudaPeekAtLastError() { return incache::cuda::emulator::Runtime::get().lastError; }

cudaError_t cudaGetDeviceCount(int *count) {
  *count = static_cast<int>(incache::cuda::emulator::settingOf("INCACHE_EMULATED_DEVICES", 1));
  return *count ? cudaSuccess : cudaErrorNoDevice;
}
cudaError_t cudaSetDevice(int device) {
  int count = 0;
  cudaGetDeviceCount(&count);
  return device >= 0 && device < count ? cudaSuccess : cudaErrorInvalidDevice;
}
cudaError_t cudaDriverGetVersion(int *version) {
  *version = static_cast<int>(incache::cuda::emulator::settingOf("INCACHE_EMULATED_DRIVER", 13000));
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
  if (cudaSetDevice(device) != cudaSuccess) return cudaErrorInvalidDevice;
  const int64_t capability = incache::cuda::emulator::settingOf("INCACHE_EMULATED_CAPABILITY", 80);
  std::snprintf(properties->name, sizeof properties->name, "emulated sm_%d", static_cast<int>(capability));
  properties->major = static_cast<int>(capability / 10);
  properties->minor = static_cast<int>(capability % 10);
  properties->multiProcessorCount = 3;
  properties->sharedMemPerBlockOptin = static_cast<size_t>(capability >= 90 ? 227 : capability == 80 ? 163 : 99) << 10;
  properties->totalGlobalMem = incache::cuda::emulator::Runtime::total();
  properties->l2CacheSize = 50 << 20;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  *total = incache::cuda::emulator::Runtime::total();
  *free = *total - incache::cuda::emulator::Runtime::get().inUse;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void **at, size_t bytes) { return incache::cuda::emulator::allocate(at, bytes); }
cudaError_t cudaMallocAsync(void **at, size_t bytes, cudaStream_t) { return incache::cuda::emulator::allocate(at, bytes); }
cudaError_t cudaFree(void *at) { return incache::cuda::emulator::release(at); }
cudaError_t cudaFreeAsync(void *at, cudaStream_t stream) {
  incache::cuda::emulator::enqueue(stream, [at] { incache::cuda::emulator::release(at); });
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void **at, size_t bytes) {
  *at = std::malloc(bytes);
  return *at ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFreeHost(void *at) {
  std::free(at);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  incache::cuda::emulator::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *at, int value, size_t bytes, cudaStream_t stream) {
  incache::cuda::emulator::enqueue(stream, [=] { std::memset(at, value, bytes); });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned) {
  *stream = new incache::cuda::emulator::Stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  std::lock_guard working(stream->working);
  std::vector<incache::cuda::emulator::Action> actions;
  {
    std::lock_guard lock(stream->mutex);
    actions.swap(stream->pending);
  }
  if (incache::cuda::emulator::hasFault("work")) return incache::cuda::emulator::Runtime::get().failed(cudaErrorLaunchFailure);
  if (actions.empty()) return cudaSuccess;
  const incache::cuda::emulator::Access access;
  for (const auto &action : actions) action();
  return cudaSuccess;
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void *), void *argument) {
  incache::cuda::emulator::enqueue(stream, [=] { function(argument); });
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  cudaStreamSynchronize(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  stream->capturing = true;
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  stream->capturing = false;
  *graph = new incache::cuda::emulator::Graph{std::move(stream->captured)};
  stream->captured.clear();
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long) {
  *executable = new incache::cuda::emulator::Graph(*graph);
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  for (const auto &action : executable->actions) incache::cuda::emulator::enqueue(stream, action);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned) {
  *event = new incache::cuda::emulator::Event;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, 0); }
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  event->stream = stream;
  incache::cuda::emulator::enqueue(stream, [event] { event->time = std::chrono::steady_clock::now(); });
  return cudaSuccess;
}
// With all else that lies in the stream by then.
cudaError_t cudaEventSynchronize(cudaEvent_t event) { return event->stream ? cudaStreamSynchronize(event->stream) : cudaSuccess; }
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t start, cudaEvent_t end) {
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

namespace incache::cuda::emulator {

// What launching checks on a device, too.
cudaError_t checkLaunch(dim3 grid, dim3 block, int64_t shared) {
  cudaDeviceProp properties;
  cudaGetDeviceProperties(&properties, 0);
  const bool fits = grid.x >= 1 && grid.x <= 0x7fffffff && grid.y >= 1 && grid.y <= 65535 && grid.z >= 1 && grid.z <= 65535 &&
                    block.x * block.y * block.z >= 1 && block.x * block.y * block.z <= 1024;
  if (!fits) return cudaErrorInvalidConfiguration;
  return shared <= static_cast<int64_t>(properties.sharedMemPerBlockOptin) ? cudaSuccess : cudaErrorInvalidValue;
}

void launchWork(Stream *stream, dim3 grid, dim3 block, int64_t shared, const Work *work) {
  const std::shared_ptr<const Work> owned(work);
  if (Runtime::get().failed(hasFault("launch") ? cudaErrorInvalidConfiguration : checkLaunch(grid, block, shared)) != cudaSuccess) return;
  enqueue(stream, [=] { Machine::get().run(grid, block, shared, [&] { owned->run(); }); });
}

}  // namespace incache::cuda::emulator
