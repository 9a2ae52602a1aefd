// Keeps an idle thread off the processor of the one that calls it.
#pragma once
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace incache {

// The number of the processor that the calling thread runs on, or -1 if the system does not tell.
int currentProcessor();

// Of one thread; where systems have no affinity it does nothing.
class Placement {
 public:
  // For the thread that is about to call `thread`, which sleeps or waits: it goes on at any processor that it may use but
  // this one, if there is another.
  void keepOff(std::thread &thread, int processor);
  // For the thread itself, once it goes on: gives back what keepOff took away.
  void release();

 private:
#ifdef __linux__
  bool isKept_ = false;
  cpu_set_t allowed_;
#endif
};

}  // namespace incache
