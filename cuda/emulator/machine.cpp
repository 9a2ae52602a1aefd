#include "scheduler.h"

#include <algorithm>
#include <cstdio>

namespace incache::cuda::emulator {

void fail(const char *what) {
  std::fprintf(stderr, "CUDA emulator: %s (block %u %u %u, thread %u)\n", what, blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x);
  std::abort();
}

int warpOfThread() { return Machine::get().current().warp; }
int laneOfThread() { return Machine::get().current().lane; }
int lanesOfWarp() { return Machine::get().lanesOf(warpOfThread()); }
unsigned char *sharedBegin() { return Machine::get().shared(); }
int64_t sharedBytes() { return Machine::get().sharedBytes(); }
int threadsOfBlock() { return Machine::get().threads(); }

void meetWarp(const void *arguments, Act act) {
  Machine &machine = Machine::get();
  machine.meet(machine.warpMeeting(), lanesOfWarp(), laneOfThread(), arguments, act);
}
void meetWarpgroup(Act act) {
  Machine &machine = Machine::get();
  machine.meet(machine.warpgroupMeeting(), 128, warpOfThread() % 4 * 32 + laneOfThread(), nullptr, act);
}
void meetBarrier(int id, int threads) {
  Machine &machine = Machine::get();
  machine.meet(machine.barrier(id), threads, 0, nullptr, [](const void *const *, int) {});
}

}  // namespace incache::cuda::emulator
