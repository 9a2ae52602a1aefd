#include "pool.h"

#include <chrono>
#include <string>
#include <system_error>

#include "../core/error.h"

namespace incache {
namespace {

constexpr uint64_t kTasksMask = 0xffffffffu;
constexpr int kJobShift = 32;

// Spins without yielding, because the next operation follows within microseconds.
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

// Spins and yields: the next run may follow too soon to sleep, but other threads may need the processor meanwhile.
template <class Condition>
bool yieldFor(Condition met) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
  while (!met()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

Pool::Pool(int64_t threads, Missing missing) : workers_(static_cast<size_t>(threads - 1)) {
  int64_t given = 1;
  try {
    for (; given < threads; given++) workers_[given - 1].thread = std::thread([this, given] { work(given); });
  } catch (const std::system_error &error) {
    if (missing == Missing::refused) {
      stopWorkers();
      throw Error(INCACHE_BAD_ARGUMENT, "cannot start " + std::to_string(threads) + " threads: the system gives " + std::to_string(given) +
                                            " at most (" + error.code().message() + "); with 1 it has to start none");
    }
    // Removes workers from the end, so that those that run stay where they are.
    workers_.resize(static_cast<size_t>(given - 1));
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
    placeIdle();
    ticket_.store((currentJob() + 1) << kJobShift | static_cast<uint64_t>(tasks));
  }
  wake_.notify_all();
  takeTasks(0);
  // The others are in the middle of their last tasks, which are too short to sleep for.
  while (!spinFor([this] { return unfinished_.load(std::memory_order_acquire) == 0; })) std::this_thread::yield();
}

void Pool::placeIdle() {
  callersProcessor_ = currentProcessor();
  for (Worker &worker : workers_)
    if (worker.isIdle && worker.crowds) worker.placement.keepOff(worker.thread, callersProcessor_);
}

uint64_t Pool::currentJob() const { return ticket_.load() >> kJobShift; }

void Pool::work(int64_t thread) {
  uint64_t job = 0;
  while (true) {
    if (!spinFor([&] { return isCalled(job); })) idle(workers_[thread - 1], job);
    if (stop_) return;
    job = currentJob();
    takeTasks(thread);
  }
}

bool Pool::isCalled(uint64_t lastJob) const { return stop_.load() || currentJob() != lastJob; }

void Pool::idle(Worker &worker, uint64_t lastJob) {
  const auto called = [&] { return isCalled(lastJob); };
  std::unique_lock lock(mutex_);
  worker.isIdle = true;
  lock.unlock();
  yieldFor(called);
  lock.lock();
  wake_.wait(lock, called);
  worker.isIdle = false;
  if (currentProcessor() == callersProcessor_) worker.crowds = true;
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
