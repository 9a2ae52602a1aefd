// Times the CUDA kernels one by one, block by block and step by step, at the shapes of DiT-XL/2; writes a line of JSON for each.
//
//   cuda-bench [kernel|block|step] [--tokens N] [--images N] [--rank N] [--list]
//
// All rows, or those that are named; --list: without times, which needs no GPU.
#include <cstdlib>

#include "../../cuda/runtime/find.h"
#include "rows.h"
#include "time.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::bench;

namespace {

constexpr int kReplays = 50;

Device openDevice() {
  cudaDeviceProp properties;
  test::expect(cudaGetDeviceProperties(&properties, 0) == cudaSuccess, "there is no CUDA device");
  Device device{chipOf(properties), properties.l2CacheSize, nullptr};
  cudaStreamCreateWithFlags(&device.stream, cudaStreamNonBlocking);
  std::printf("{\"device\":\"%s\",\"multiprocessors\":%d}\n", properties.name, properties.multiProcessorCount);
  return device;
}

// Bytes a second, read and written, of a copy within the device.
double copyRate(const Device &device) {
  constexpr int64_t kElements = 1 << 29;
  Buffers buffers(device);
  const Matrix from = buffers.half(1, kElements), to = buffers.half(1, kElements);
  const Event start, end;
  float best = 1e9f;
  for (int i = 0; i < 10; i++) {
    start.record(device.stream);
    cudaMemcpyAsync(to.at, from.at, kElements * 2, cudaMemcpyDeviceToDevice, device.stream);
    end.record(device.stream);
    cudaStreamSynchronize(device.stream);
    best = std::min(best, end.millisecondsSince(start));
  }
  return 2.0 * kElements * 2 / best * 1e3;
}

void print(const Case &c, double milliseconds) {
  std::printf("{\"level\":\"%s\",\"name\":\"%s\",\"shape\":\"%s\",\"sequences\":%lld,\"tokens\":%lld,\"rank\":%lld,\"contender\":\"incache\","
              "\"milliseconds\":%.5f,\"flops\":%.0f,\"bytes\":%.0f}\n",
              c.level.c_str(), c.name.c_str(), c.shape.c_str(), static_cast<long long>(c.sequences), static_cast<long long>(c.tokens),
              static_cast<long long>(c.rank), milliseconds, c.flops, c.bytes);
  std::fflush(stdout);
}

}  // namespace

int main(int count, char **arguments) {
  bool lists = false;
  Chosen chosen;
  for (int i = 1; i < count; i++) {
    const std::string argument = arguments[i];
    const bool hasNumber = i + 1 < count && std::atoll(arguments[i + 1]) > 0;
    if (argument == "--list")
      lists = true;
    else if (argument == "--tokens" && hasNumber)
      chosen.tokens = std::atoll(arguments[++i]);
    else if (argument == "--images" && hasNumber)
      chosen.images = std::atoll(arguments[++i]);
    else if (argument == "--rank" && hasNumber)
      chosen.rank = std::atoll(arguments[++i]);
    else
      chosen.level = argument;
  }
  const std::vector<Case> rows = ditRows(chosen);
  test::expect(!rows.empty(), "no rows; expected [kernel|block|step] [--tokens N] [--images N] [--rank N] [--list]");

  Device device{};
  if (!lists) {
    device = openDevice();
    std::printf("{\"copyGigabytes\":%.1f}\n", copyRate(device) / 1e9);
  }
  for (const Case &c : rows) print(c, lists ? 0 : time(device, c, kReplays));
}
