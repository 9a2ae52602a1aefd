// The pool's threads take every task once, however often they park in between, and keep their processor affinity.
#include "../cpu/pool.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#ifdef __linux__
#include <sys/resource.h>
#endif

#include "../core/error.h"

extern "C" {
#include "expect.h"
}

using namespace incache;

namespace {

// Waits longer than threads look for the next job before they park.
void pauseToPark() { std::this_thread::sleep_for(std::chrono::milliseconds(2)); }

void takesEveryTaskOnce(int64_t threads) {
  Pool pool(threads);
  for (const int64_t tasks : {0, 1, 2, 7, 100})
    for (int repeat = 0; repeat < 20; repeat++) {
      std::vector<std::atomic<int>> taken(static_cast<size_t>(tasks));
      std::atomic<bool> isKnown{true};
      pool.run(tasks, [&](int64_t task, int64_t thread) {
        taken[static_cast<size_t>(task)]++;
        if (thread < 0 || thread >= threads) isKnown = false;
      });
      expect(isKnown, "a task runs on a thread of the pool");
      expect(std::all_of(taken.begin(), taken.end(), [](const auto &times) { return times == 1; }), "every task is taken once");
      if (repeat % 5 == 0) pauseToPark();
    }
}

void takesNoTimeWhenIdle() {
  Pool pool(4);
  pool.run(100, [](int64_t, int64_t) {});
  pauseToPark();
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  expect(std::clock() - before < CLOCKS_PER_SEC / 20, "idle threads take no processor time");
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Limits the address space, so that it holds the stacks of only some threads.
void takesFewerWhereThereAreNoMore() {
  constexpr int64_t kWanted = 2000;
  const rlimit little{rlim_t{4} << 30, RLIM_INFINITY};
  rlimit before;
  expect(getrlimit(RLIMIT_AS, &before) == 0 && setrlimit(RLIMIT_AS, &little) == 0, "the address space is limited");
  {
    Pool pool(kWanted, Pool::Missing::accepted);
    expect(pool.threads() > 1 && pool.threads() < kWanted, "a pool has the threads that the system gives");
    std::atomic<int> taken{0};
    pool.run(100, [&](int64_t, int64_t) { taken++; });
    expect(taken == 100, "a pool of fewer threads takes every task");
  }
  bool isRefused = false;
  try {
    Pool pool(kWanted);
  } catch (const Error &error) {
    isRefused = error.status == INCACHE_BAD_ARGUMENT && std::string(error.what()).rfind("cannot start 2000 threads: the system gives ", 0) == 0;
  }
  expect(isRefused, "threads that must all be there are refused by number");
  setrlimit(RLIMIT_AS, &before);
}
#else
void takesFewerWhereThereAreNoMore() {}
#endif

#ifdef __linux__

cpu_set_t allowedTo(pthread_t thread) {
  cpu_set_t set;
  expect(pthread_getaffinity_np(thread, sizeof set, &set) == 0, "a thread's processors are known");
  return set;
}

void allow(const cpu_set_t &set) { expect(pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0, "a thread's processors are set"); }

cpu_set_t only(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return set;
}

// The first processor of a set whose number is at least `from`.
int nextIn(const cpu_set_t &set, int from) {
  while (!CPU_ISSET(from, &set)) from++;
  return from;
}

void keepsOffOneProcessor(const cpu_set_t &all, int first, int second) {
  std::atomic<bool> isAwake{false};
  Placement placement;
  std::thread sleeper([&] {
    while (!isAwake) std::this_thread::yield();
    placement.release();
    const cpu_set_t after = allowedTo(pthread_self());
    expect(CPU_EQUAL(&after, &all), "a thread gets back what it was kept off");
  });
  for (const int processor : {first, second}) {
    placement.keepOff(sleeper, processor);
    cpu_set_t wanted = all;
    CPU_CLR(processor, &wanted);
    const cpu_set_t kept = allowedTo(sleeper.native_handle());
    expect(CPU_EQUAL(&kept, &wanted), "a thread is kept off the last processor named, and off no other");
  }
  isAwake = true;
  sleeper.join();
}

void leavesTheOnlyProcessor(int processor) {
  std::atomic<bool> isDone{false};
  std::thread sleeper([&] {
    while (!isDone) std::this_thread::yield();
  });
  const cpu_set_t one = only(processor);
  expect(pthread_setaffinity_np(sleeper.native_handle(), sizeof one, &one) == 0, "a thread's processors are set");
  Placement placement;
  placement.keepOff(sleeper, processor);
  const cpu_set_t kept = allowedTo(sleeper.native_handle());
  expect(CPU_EQUAL(&kept, &one), "a thread stays where it is allowed alone");
  isDone = true;
  sleeper.join();
}

// A job in which every thread has one task.
template <class Work>
void onEveryThread(Pool &pool, const Work &work) {
  std::atomic<int64_t> missing{pool.threads()};
  pool.run(pool.threads(), [&](int64_t, int64_t thread) {
    work(thread);
    missing--;
    while (missing > 0) std::this_thread::yield();
  });
}

// Threads are first woken on the caller's processor, the only one at that time, and are then kept off it.
void givesProcessorsBack(const cpu_set_t &all, int processor) {
  allow(only(processor));
  Pool pool(3);
  pauseToPark();
  onEveryThread(pool, [&](int64_t thread) {
    if (thread > 0) allow(all);
  });
  for (int repeat = 0; repeat < 20; repeat++) {
    pauseToPark();
    onEveryThread(pool, [&](int64_t thread) {
      const cpu_set_t now = allowedTo(pthread_self());
      expect(thread == 0 || CPU_EQUAL(&now, &all), "a thread at work may go wherever it could before");
    });
  }
  allow(all);
}

void testPlacement() {
  const cpu_set_t all = allowedTo(pthread_self());
  const int first = nextIn(all, 0);
  leavesTheOnlyProcessor(first);
  if (CPU_COUNT(&all) < 2) return;
  keepsOffOneProcessor(all, first, nextIn(all, first + 1));
  givesProcessorsBack(all, first);
}

#else
void testPlacement() {}
#endif

}  // namespace

int main() {
  for (const int64_t threads : {1, 2, 3, 16}) takesEveryTaskOnce(threads);
  takesNoTimeWhenIdle();
  takesFewerWhereThereAreNoMore();
  testPlacement();
  return outcome();
}
