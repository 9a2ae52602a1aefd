// Lets a call that computes be ended early and report its progress.
#pragma once
#include <atomic>

#include "error.h"

namespace incache {

// A flag that another thread sets.
class Cancellation {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

// Cancellation and progress of one call.
class RunControl {
 public:
  using Progress = int (*)(void *user, uint64_t done, uint64_t total);

  RunControl() = default;
  // `cancellation` and `progress` may be null.
  RunControl(const Cancellation *cancellation, Progress progress, void *user)
      : cancellation_(cancellation), progress_(progress), user_(user) {}

  // May be called from any thread of the call.
  bool cancelled() const { return cancellation_ && cancellation_->cancelled(); }
  // Both throw an Error (INCACHE_CANCELLED).
  void requireNotCancelled() const {
    if (cancelled()) throw Error(INCACHE_CANCELLED, "the run was cancelled");
  }
  void ended(uint64_t operations) {
    requireNotCancelled();
    done_ += operations;
    if (progress_ && progress_(user_, done_, total_) != 0) throw Error(INCACHE_CANCELLED, "the run was cancelled by its progress");
  }
  // Announces this many more operations in this call.
  void expect(uint64_t operations) { total_ += operations; }

 private:
  const Cancellation *cancellation_ = nullptr;
  Progress progress_ = nullptr;
  void *user_ = nullptr;
  uint64_t done_ = 0, total_ = 0;
};

}  // namespace incache
