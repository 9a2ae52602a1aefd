// Keeps an idle thread off the processor of the thread that wakes it.
#pragma once
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace incache {

// The number of the processor that the calling thread runs on, or -1 if the system does not say.
int currentProcessor();

// The placement of one thread. Does nothing on systems without thread affinity.
class Placement {
 public:
  // Called by the thread that is about to wake `thread`: `thread` will then run on any processor that it may use except this
  // one, if there is another.
  void keepOff(std::thread &thread, int processor);
  // Called by the thread itself once it runs: gives back the processor that keepOff took away.
  void release();

 private:
#ifdef __linux__
  bool isKept_ = false;
  cpu_set_t allowed_;
#endif
};

}  // namespace incache
