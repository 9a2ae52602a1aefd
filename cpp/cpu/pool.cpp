#include "pool.h"

#include <chrono>

namespace incache {
namespace {

constexpr uint64_t kTasksMask = 0xffffffffu;

// Operations follow each other within microseconds, and runs within the time that Node.js takes from one to the next:
// neither is worth sleeping for.
constexpr int kLooks = 2000;
constexpr std::chrono::microseconds kPatience{200};

// Waits for a condition, for a while: false when it was not met. After the first looks the processor is anyone's who wants it.
template <class Condition>
bool waitBriefly(Condition met) {
  for (int i = 0; i < kLooks; i++) {
    if (met()) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (met()) return true;
    std::this_thread::yield();
  }
  return met();
}

}  // namespace

Pool::Pool(int64_t threads) : workers_(static_cast<size_t>(threads - 1)) {
  try {
    for (int64_t i = 1; i < threads; i++) workers_[i - 1].thread = std::thread([this, i] { work(i); });
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
  for (Worker &worker : workers_)
    if (worker.thread.joinable()) worker.thread.join();
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
    placeParked();
    ticket_.store(((ticket_.load() >> 32) + 1) << 32 | static_cast<uint64_t>(tasks));
  }
  wake_.notify_all();
  takeTasks(0);
  // The others are in the middle of their last tasks: too short to sleep for.
  while (!waitBriefly([this] { return unfinished_.load(std::memory_order_acquire) == 0; })) continue;
}

void Pool::placeParked() {
  callersProcessor_ = currentProcessor();
  for (Worker &worker : workers_)
    if (worker.isParked && worker.crowds) worker.placement.keepOff(worker.thread, callersProcessor_);
}

bool Pool::isWanted() const { return stop_.load() || (ticket_.load() & kTasksMask) > 0; }

void Pool::work(int64_t thread) {
  while (true) {
    if (!waitBriefly([this] { return isWanted(); })) park(workers_[thread - 1]);
    if (stop_) return;
    takeTasks(thread);
  }
}

void Pool::park(Worker &worker) {
  std::unique_lock lock(mutex_);
  worker.isParked = true;
  while (!isWanted()) {
    wake_.wait(lock);
    // Even if it came too late: that it did not run is what comes of it.
    if (currentProcessor() == callersProcessor_) worker.crowds = true;
  }
  worker.isParked = false;
  lock.unlock();
  worker.placement.release();
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
