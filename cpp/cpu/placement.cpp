#include "placement.h"

namespace incache {

#ifdef __linux__

int currentProcessor() { return sched_getcpu(); }

// If it fails (there is no other processor, or a sandbox forbids it), the scheduler chooses.
void Placement::keepOff(std::thread &thread, int processor) {
  if (!isKept_ && pthread_getaffinity_np(thread.native_handle(), sizeof allowed_, &allowed_) != 0) return;
  cpu_set_t others = allowed_;
  CPU_CLR(processor, &others);
  if (pthread_setaffinity_np(thread.native_handle(), sizeof others, &others) == 0) isKept_ = true;
}

void Placement::release() {
  if (!isKept_) return;
  pthread_setaffinity_np(pthread_self(), sizeof allowed_, &allowed_);
  isKept_ = false;
}

#else

int currentProcessor() { return -1; }
void Placement::keepOff(std::thread &, int) {}
void Placement::release() {}

#endif

}  // namespace incache
