#include "block.h"

#include <cstdlib>

#include "error.h"

namespace incache {
namespace {

constexpr int64_t kAlignment = 64;
// More than any machine has, and far from where sums of sizes overflow.
constexpr int64_t kMostBytes = int64_t{1} << 46;

}  // namespace

Block::Block(MemoryCounter counter, int64_t bytes) : counter_(std::move(counter)), bytes_(bytes) {
  // calloc leaves large blocks untouched until they are used: asking for too much fails here, not later.
  memory_ = bytes > kMostBytes ? nullptr : std::calloc(static_cast<size_t>(bytes + kAlignment), 1);
  if (!memory_)
    throw Error(INCACHE_OUT_OF_MEMORY, "the cpu is out of memory: asked for " + std::to_string(bytes_) + " bytes with " +
                                           std::to_string(counter_->load()) + " in use");
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory_);
  at_ = static_cast<char *>(memory_) + (kAlignment - address % kAlignment) % kAlignment;
  *counter_ += static_cast<uint64_t>(bytes_);
}

Block::~Block() {
  *counter_ -= static_cast<uint64_t>(bytes_);
  std::free(memory_);
}

}  // namespace incache
