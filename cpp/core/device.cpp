#include "device.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "../cpu/engine.h"
#include "../cpu/memory.h"
#include "../cpu/processors.h"
#include "cuda_engine.h"
#include "error.h"
#include "half.h"

namespace incache {
namespace {

constexpr uint32_t kMostThreads = 1024;
constexpr int64_t kLargestSide = 1 << 30;

Pool poolFor(uint32_t asked) {
  if (asked > kMostThreads)
    throw Error(INCACHE_BAD_ARGUMENT, "threads is " + std::to_string(asked) + "; expected at most " + std::to_string(kMostThreads));
  if (asked) return Pool(asked, Pool::Missing::refused);
  return Pool(std::min<int64_t>(usableProcessors(), kMostThreads), Pool::Missing::accepted);
}

// The end of a list of types in an error message.
const char *orHalf(const Engine &engine) { return engine.has(INCACHE_F16) ? ", INCACHE_BF16 or INCACHE_F16" : " or INCACHE_BF16"; }

incache_type requireWeights(incache_type weights, const Engine &engine) {
  if (weights == INCACHE_F32 || (is16Bit(weights) && engine.has(weights))) return weights;
  throw Error(INCACHE_BAD_ARGUMENT, "weights is " + std::to_string(weights) + "; expected INCACHE_F32" + orHalf(engine));
}

constexpr int kCpu = -1;

// The number of the GPU that a name means, or kCpu.
int gpuNamed(const std::string &name) {
  if (name == "cpu") return kCpu;
  if (name == "cuda") return 0;
  const std::string digits = name.rfind("cuda:", 0) == 0 ? name.substr(5) : "";
  if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos)
    throw Error(INCACHE_ABSENT, "device is '" + name + "'; expected cpu, cuda, or cuda:1 for the second GPU and so on");
  return std::stoi(digits);
}

std::unique_ptr<Engine> engineFor(const char *name, Host &host) {
  if (name) {
    const int gpu = gpuNamed(name);
    return gpu == kCpu ? cpuEngine(host) : cudaEngine(gpu, host);
  }
  try {
    return cudaEngine(0, host);
  } catch (const Error &error) {
    if (error.status != INCACHE_ABSENT) throw;
    return cpuEngine(host);
  }
}

}  // namespace

Device::Device(const char *name, const incache_device_options &options)
    : host{chooseKernels(options.weights), poolFor(options.threads)}, engine(engineFor(name, host)), weights(requireWeights(options.weights, *engine)) {}

DeviceFacts Device::describe(const char *name) {
  const int gpu = gpuNamed(name);
  return gpu == kCpu ? DeviceFacts{std::string("CPU, ") + chooseKernels(INCACHE_BF16).name, 0} : describeGpu(gpu);
}

Buffer Buffer::create(const std::shared_ptr<Device> &device, int64_t rows, int64_t columns, incache_type type) {
  if (rows < 1 || columns < 1 || rows > kLargestSide || columns > kLargestSide)
    throw Error(INCACHE_BAD_ARGUMENT, "the buffer is " + sizeText(rows, columns) + "; expected sides from 1 to 2^30");
  if (type != INCACHE_F32 && type != INCACHE_I32 && !device->engine->has(type))
    throw Error(INCACHE_BAD_ARGUMENT, "type is " + std::to_string(type) + "; expected INCACHE_F32, INCACHE_I32, INCACHE_E4M3" + orHalf(*device->engine));
  const int64_t bytes = rows * rowBytes(type, columns);
  const std::shared_ptr<Block> block = device->allocate(bytes, Engine::Contents::zeros);
  std::shared_ptr<Block> integers = type == INCACHE_I32 ? block : nullptr;
  // This is not the device's memory, so it is not counted there.
  if (integers && !device->engine->onHost()) integers = std::make_shared<CpuBlock>(std::make_shared<std::atomic<uint64_t>>(0), device->host.pages, bytes);
  return {device, block, integers, rows, columns, type};
}

void Buffer::requireElements(incache_type other, uint64_t elements) const {
  const bool converted = is16Bit(type) || type == INCACHE_E4M3;
  // Rows of e4m3 contain their scales, so the host gives and takes them only as float32.
  const bool given = other == INCACHE_F32 ? converted || type == INCACHE_F32 : other == type && type != INCACHE_E4M3;
  if (!given)
    throw Error(INCACHE_BAD_ARGUMENT, "type is " + std::to_string(other) + "; expected " +
                                          (type == INCACHE_E4M3 ? "INCACHE_F32" : std::to_string(type) + ", the buffer's own") +
                                          (is16Bit(type) ? ", or INCACHE_F32" : ""));
  const uint64_t expected = static_cast<uint64_t>(rows * columns);
  if (elements != expected)
    throw Error(INCACHE_BAD_ARGUMENT, "elements is " + std::to_string(elements) + "; expected " + std::to_string(expected) + ", as the buffer has");
}

void Buffer::write(const void *data, incache_type given, uint64_t elements) {
  requireElements(given, elements);
  std::lock_guard lock(device->mutex);
  if (given != type) return narrow(static_cast<const float *>(data));
  device->engine->upload(*block, data, block->bytes());
  if (integers && integers != block) std::memcpy(integers->at(), data, static_cast<size_t>(integers->bytes()));
}

void Buffer::read(void *data, incache_type wanted, uint64_t elements) const {
  requireElements(wanted, elements);
  std::lock_guard lock(device->mutex);
  if (wanted != type) return widen(static_cast<float *>(data));
  device->engine->download(*block, data, block->bytes());
}

// Converts the host's float32 to the type of the buffer: in place on the processor, through a copy on another device.
void Buffer::narrow(const float *from) {
  if (type == INCACHE_E4M3) return narrowRows(from);
  const bool inPlace = device->engine->onHost();
  std::vector<uint16_t> copy(inPlace ? 0 : static_cast<size_t>(rows * columns));
  std::transform(from, from + rows * columns, inPlace ? reinterpret_cast<uint16_t *>(block->at()) : copy.data(),
                 [&](float value) { return narrowHalf(value, type); });
  if (!inPlace) device->engine->upload(*block, copy.data(), block->bytes());
}

void Buffer::narrowRows(const float *from) {
  std::vector<uint8_t> copy(static_cast<size_t>(block->bytes()));
  for (int64_t row = 0; row < rows; row++, from += columns) {
    float largest = 0;
    for (int64_t j = 0; j < columns; j++) largest = std::max(largest, std::fabs(from[j]));
    const float scale = scaleOf(largest);
    uint8_t *to = copy.data() + row * rowBytes(type, columns);
    std::memcpy(to, &scale, sizeof scale);
    std::transform(from, from + columns, to + kScaleBytes, [&](float value) { return narrowScaled(value, scale); });
  }
  device->engine->upload(*block, copy.data(), block->bytes());
}

void Buffer::widenRows(float *to) const {
  std::vector<uint8_t> copy(static_cast<size_t>(block->bytes()));
  device->engine->download(*block, copy.data(), block->bytes());
  for (int64_t row = 0; row < rows; row++, to += columns) {
    const uint8_t *from = copy.data() + row * rowBytes(type, columns);
    float scale;
    std::memcpy(&scale, from, sizeof scale);
    std::transform(from + kScaleBytes, from + kScaleBytes + columns, to, [&](uint8_t value) { return widenE4m3(value) * scale; });
  }
}

void Buffer::widen(float *to) const {
  if (type == INCACHE_E4M3) return widenRows(to);
  const bool inPlace = device->engine->onHost();
  std::vector<uint16_t> copy(inPlace ? 0 : static_cast<size_t>(rows * columns));
  if (!inPlace) device->engine->download(*block, copy.data(), block->bytes());
  device->host.kernels.widen({inPlace ? static_cast<const void *>(block->at()) : copy.data(), type, 0}, rows * columns, to);
}

}  // namespace incache
