// Memory whose contents last no longer than a run: temporaries of plans, and scratch.
#pragma once
#include <mutex>

#include "block.h"

namespace incache {

// Runs of a device never overlap, so its programs take turns with one block. It is freed with the last of them.
class SharedBlock {
 public:
  // A block of at least this many bytes: the current one, or a larger one that `allocate` makes and that takes its place.
  template <class Allocate>
  std::shared_ptr<Block> atLeast(int64_t bytes, const Allocate &allocate) {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Block> block = last_.lock();
    if (block && block->bytes() >= bytes) return block;
    block = allocate(bytes);
    last_ = block;
    return block;
  }

 private:
  std::mutex mutex_;
  std::weak_ptr<Block> last_;
};

}  // namespace incache
