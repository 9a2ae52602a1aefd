#include "device.h"

#include <algorithm>
#include <cstring>

#include "bf16.h"
#include "error.h"

namespace incache {
namespace {

constexpr uint32_t kMostThreads = 1024;
constexpr int64_t kLargestSide = 1 << 30;

int64_t threadsFor(uint32_t asked) {
  if (asked > kMostThreads)
    throw Error(INCACHE_BAD_ARGUMENT, "threads is " + std::to_string(asked) + "; expected at most " + std::to_string(kMostThreads));
  return asked ? asked : std::max(1u, std::thread::hardware_concurrency());
}

const KernelSet &kernelsFor(const char *name) {
  if (name && std::string(name) != "cpu")
    throw Error(INCACHE_ABSENT, std::string("device is '") + name + "'; expected cpu, the only one of this build");
  return chooseKernels();
}

bool isBf16(incache_type weights) {
  if (weights != INCACHE_F32 && weights != INCACHE_BF16)
    throw Error(INCACHE_BAD_ARGUMENT, "weights is " + std::to_string(weights) + "; expected INCACHE_F32 or INCACHE_BF16");
  return weights == INCACHE_BF16;
}

}  // namespace

Device::Device(const char *name, const incache_device_options &options)
    : kernels(kernelsFor(name)), bf16(isBf16(options.weights)), pool(threadsFor(options.threads)) {}

Buffer Buffer::create(const std::shared_ptr<Device> &device, int64_t rows, int64_t columns, incache_type type) {
  if (rows < 1 || columns < 1 || rows > kLargestSide || columns > kLargestSide)
    throw Error(INCACHE_BAD_ARGUMENT, "the buffer is " + sizeText(rows, columns) + "; expected sides from 1 to 2^30");
  if (type != INCACHE_F32 && type != INCACHE_I32 && type != INCACHE_BF16)
    throw Error(INCACHE_BAD_ARGUMENT, "type is " + std::to_string(type) + "; expected INCACHE_F32, INCACHE_I32 or INCACHE_BF16");
  return {device, device->allocate(rows * columns * bytesOf(type)), rows, columns, type};
}

void Buffer::requireElements(incache_type other, uint64_t elements) const {
  if (other != type && !(type == INCACHE_BF16 && other == INCACHE_F32))
    throw Error(INCACHE_BAD_ARGUMENT, "type is " + std::to_string(other) + "; expected " + std::to_string(type) + ", the buffer's own" +
                                          (type == INCACHE_BF16 ? ", or INCACHE_F32" : ""));
  const uint64_t expected = static_cast<uint64_t>(rows * columns);
  if (elements != expected)
    throw Error(INCACHE_BAD_ARGUMENT, "elements is " + std::to_string(elements) + "; expected " + std::to_string(expected) + ", as the buffer has");
}

void Buffer::write(const void *data, incache_type given, uint64_t elements) {
  requireElements(given, elements);
  std::lock_guard lock(device->mutex);
  if (given == type) {
    std::memcpy(block->at(), data, elements * static_cast<uint64_t>(bytesOf(type)));
    return;
  }
  const float *from = static_cast<const float *>(data);
  std::transform(from, from + elements, reinterpret_cast<uint16_t *>(block->at()), narrowOne);
}

void Buffer::read(void *data, incache_type wanted, uint64_t elements) const {
  requireElements(wanted, elements);
  std::lock_guard lock(device->mutex);
  if (wanted == type)
    std::memcpy(data, block->at(), elements * static_cast<uint64_t>(bytesOf(type)));
  else
    device->kernels.widen({block->at(), type, 0}, rows * columns, static_cast<float *>(data));
}

}  // namespace incache
