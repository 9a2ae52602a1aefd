// Memory of a device: zeros, aligned to a cache line, counted.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>

namespace incache {

using MemoryCounter = std::shared_ptr<std::atomic<uint64_t>>;

class Block {
 public:
  // Throws an Error (INCACHE_OUT_OF_MEMORY) that tells what was asked for and what is in use.
  Block(MemoryCounter counter, int64_t bytes);
  ~Block();
  Block(const Block &) = delete;
  Block &operator=(const Block &) = delete;
  char *at() const { return at_; }
  int64_t bytes() const { return bytes_; }

 private:
  MemoryCounter counter_;
  int64_t bytes_;
  void *memory_;
  char *at_;
};

}  // namespace incache
