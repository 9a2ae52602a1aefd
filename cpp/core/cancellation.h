// A flag by which another thread ends a run early.
#pragma once
#include <atomic>

#include "error.h"

namespace incache {

class Cancellation {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

inline bool isCancelled(const Cancellation *cancellation) { return cancellation && cancellation->cancelled(); }

inline void requireNotCancelled(const Cancellation *cancellation) {
  if (isCancelled(cancellation)) throw Error(INCACHE_CANCELLED, "the run was cancelled");
}

}  // namespace incache
