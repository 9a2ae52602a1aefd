// Times by CUDA events: medians over replays of a CUDA graph that holds a case several times, each on buffers of its own, so that
// together they pass through more than the level-2 cache holds.
#pragma once
#include <algorithm>

#include "case.h"

namespace incache::cuda::bench {

class Event {
 public:
  Event() { cudaEventCreate(&event_); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event &) = delete;
  void record(cudaStream_t stream) const { cudaEventRecord(event_, stream); }
  float millisecondsSince(const Event &start) const {
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, start.event_, event_);
    return milliseconds;
  }

 private:
  cudaEvent_t event_;
};

// So many instances that the second finds nothing of its own in the cache when its turn comes again.
inline int64_t copiesFor(int64_t bytes, int64_t cacheBytes) { return std::clamp<int64_t>(divideUp(3 * cacheBytes, bytes), 2, 32); }

// Milliseconds of one instance, or of a step of it.
inline double time(const Device &device, const Case &c, int replays) {
  Buffers buffers(device);
  std::vector<std::vector<Launch>> instances{c.make(buffers)};
  const int64_t copies = copiesFor(buffers.bytes(), device.cacheBytes);
  while (static_cast<int64_t>(instances.size()) < copies) instances.push_back(c.make(buffers));
  int64_t scratchBytes = 0;
  for (const Launch &l : instances[0]) scratchBytes = std::max(scratchBytes, l.kernel->scratch(l.op, device.chip));
  void *scratch = nullptr;
  test::expect(cudaMalloc(&scratch, static_cast<size_t>(scratchBytes + 1)) == cudaSuccess, "out of memory for scratch");
  cudaStreamSynchronize(device.stream);

  cudaGraph_t graph;
  cudaGraphExec_t executable;
  cudaStreamBeginCapture(device.stream, cudaStreamCaptureModeRelaxed);
  for (const std::vector<Launch> &launches : instances)
    for (const Launch &l : launches) l.kernel->launch(l.op, {device.chip, device.stream, static_cast<char *>(scratch)});
  cudaStreamEndCapture(device.stream, &graph);
  test::expect(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess, "%s %s: the graph was refused", c.name.c_str(), c.shape.c_str());
  const Event start, end;
  std::vector<float> times;
  constexpr int kWarmUps = 3;
  for (int i = -kWarmUps; i < replays; i++) {
    start.record(device.stream);
    cudaGraphLaunch(executable, device.stream);
    end.record(device.stream);
    test::expect(cudaStreamSynchronize(device.stream) == cudaSuccess, "%s %s: it failed", c.name.c_str(), c.shape.c_str());
    if (i >= 0) times.push_back(end.millisecondsSince(start) / static_cast<float>(copies * c.steps));
  }
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaFree(scratch);
  std::nth_element(times.begin(), times.begin() + replays / 2, times.end());
  return times[static_cast<size_t>(replays / 2)];
}

}  // namespace incache::cuda::bench
