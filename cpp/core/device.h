// A device and its buffers.
#pragma once
#include <mutex>
#include <string>

#include "../cpu/kernels.h"
#include "../cpu/pool.h"
#include "block.h"

namespace incache {

struct Device {
  // Throws an Error for a name that is no device of this build and for options that it does not have.
  Device(const char *name, const incache_device_options &options);
  std::shared_ptr<Block> allocate(int64_t bytes) const { return std::make_shared<Block>(memory, bytes); }

  const KernelSet &kernels;
  const bool bf16;
  Pool pool;
  MemoryCounter memory = std::make_shared<std::atomic<uint64_t>>(0);
  // Held while a plan runs, weights are packed or a buffer is copied.
  std::mutex mutex;
};

struct Buffer {
  std::shared_ptr<Device> device;
  std::shared_ptr<Block> block;
  int64_t rows, columns;
  incache_type type;

  static Buffer create(const std::shared_ptr<Device> &device, int64_t rows, int64_t columns, incache_type type);
  void write(const void *data, incache_type given, uint64_t elements);
  void read(void *data, incache_type wanted, uint64_t elements) const;

 private:
  void requireElements(incache_type other, uint64_t elements) const;
};

inline std::string sizeText(int64_t rows, int64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

}  // namespace incache
