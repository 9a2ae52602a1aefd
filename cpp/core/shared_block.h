// Memory that lasts no longer than a run: temporaries of plans, and scratch.
#pragma once
#include <mutex>

#include "block.h"

namespace incache {

// Runs of a device never overlap, so its programs use one block in turn. It goes when the last of them does.
class SharedBlock {
 public:
  // A block of at least so many bytes: the one that is there, or from now on a larger one, which `allocate` makes.
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
