#include "pool.h"

namespace incache {
namespace {

constexpr uint64_t kTasksMask = 0xffffffffu;

// Looks at a condition for some microseconds before it is worth sleeping: operations follow each other closely.
template <class Condition>
bool spinFor(Condition met) {
  for (int i = 0; i < 2000; i++) {
    if (met()) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return met();
}

}  // namespace

Pool::Pool(int64_t threads) {
  try {
    for (int64_t i = 1; i < threads; i++) workers_.emplace_back([this, i] { work(i); });
  } catch (...) {
    stopWorkers();
    throw;
  }
}

Pool::~Pool() { stopWorkers(); }

void Pool::stopWorkers() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread &worker : workers_) worker.join();
}

void Pool::runJob(Job job, int64_t tasks) {
  if (workers_.empty() || tasks <= 1) {
    for (int64_t task = 0; task < tasks; task++) job.call(job.context, task, 0);
    return;
  }
  job_ = job;
  unfinished_.store(tasks, std::memory_order_relaxed);
  {
    std::lock_guard lock(mutex_);
    ticket_.store(((ticket_.load() >> 32) + 1) << 32 | static_cast<uint64_t>(tasks));
  }
  wake_.notify_all();
  takeTasks(0);
  // The others are in the middle of their last tasks: too short to sleep for.
  while (unfinished_.load(std::memory_order_acquire) > 0)
    if (!spinFor([this] { return unfinished_.load(std::memory_order_acquire) == 0; })) std::this_thread::yield();
}

void Pool::work(int64_t thread) {
  const auto wanted = [this] { return stop_.load() || (ticket_.load() & kTasksMask) > 0; };
  while (true) {
    if (!spinFor(wanted)) {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, wanted);
    }
    if (stop_) return;
    takeTasks(thread);
  }
}

void Pool::takeTasks(int64_t thread) {
  uint64_t ticket = ticket_.load();
  while ((ticket & kTasksMask) > 0) {
    if (!ticket_.compare_exchange_weak(ticket, ticket - 1)) continue;
    const Job job = job_;
    job.call(job.context, static_cast<int64_t>((ticket & kTasksMask) - 1), thread);
    unfinished_.fetch_sub(1, std::memory_order_release);
    ticket = ticket_.load();
  }
}

}  // namespace incache
