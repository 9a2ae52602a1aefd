// Memory of a device, counted.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

namespace incache {

using MemoryCounter = std::shared_ptr<std::atomic<uint64_t>>;

// Each kind of device has its own kind of block, which allocates and frees the memory.
class Block {
 public:
  virtual ~Block() { *counter_ -= static_cast<uint64_t>(bytes_); }
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;
  // An address on the device. The host may access it only where the device is the processor.
  char *at() const { return at_; }
  int64_t bytes() const { return bytes_; }

 protected:
  Block(MemoryCounter counter, char *at, int64_t bytes) : at_(at), counter_(std::move(counter)), bytes_(bytes) {
    *counter_ += static_cast<uint64_t>(bytes_);
  }

 private:
  char *at_;
  MemoryCounter counter_;
  int64_t bytes_;
};

// More than any machine has, and small enough that sums of sizes do not overflow.
constexpr int64_t kMostBytes = int64_t{1} << 46;

}  // namespace incache
