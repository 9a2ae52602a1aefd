// A device and its buffers.
#pragma once
#include <mutex>
#include <string>

#include "../cpu/host.h"
#include "engine.h"
#include "shared_block.h"

namespace incache {

// What can be known of a device without opening it.
struct DeviceFacts {
  std::string description;
  // All of the device's memory; 0 for the processor, which shares its memory with everything else.
  uint64_t memory;
};

struct Device {
  // `name` is "cpu", "cuda" or "cuda:1"; null means the fastest device present.
  // Throws an Error for an unknown name, a device that is not present, or an option that the device does not have.
  Device(const char *name, const incache_device_options &options);
  static DeviceFacts describe(const char *name);

  std::shared_ptr<Block> allocate(int64_t bytes, Engine::Contents contents) const { return engine->allocate(bytes, contents); }

  Host host;
  const std::unique_ptr<Engine> engine;
  // The type of the weights of linears and factors.
  const incache_type weights;
  // Holds temporaries.
  SharedBlock arena;
  // Held while a plan runs, weights are packed or a buffer is copied.
  std::mutex mutex;
};

struct Buffer {
  std::shared_ptr<Device> device;
  std::shared_ptr<Block> block;
  // For a buffer of integers: a copy of what the host has written, which the host can read. Operations never write integers.
  std::shared_ptr<Block> integers;
  int64_t rows, columns;
  incache_type type;

  static Buffer create(const std::shared_ptr<Device> &device, int64_t rows, int64_t columns, incache_type type);
  void write(const void *data, incache_type given, uint64_t elements);
  void read(void *data, incache_type wanted, uint64_t elements) const;

 private:
  void requireElements(incache_type other, uint64_t elements) const;
  void narrow(const float *from);
  void narrowRows(const float *from);
  void widen(float *to) const;
  void widenRows(float *to) const;
};

inline std::string sizeText(int64_t rows, int64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

}  // namespace incache
