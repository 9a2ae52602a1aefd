// The emulator's machine, as kernels see it: the threads of one block as fibers on one thread of the processor.
//
// It exists to run kernels where there is no GPU, for tests. It is strict where hardware is forgiving: threads that are free
// to run are taken in a random order, so that a missing barrier shows; lanes of a warp that meet at different instructions, a
// block that can no longer go on, and a write past shared memory end the process with a sentence.
#pragma once
#include <cstdint>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Set for whichever thread is running.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

namespace incache::cuda::emulator {

[[noreturn]] void fail(const char *what);

// Where the running thread is in its block, and how many lanes its warp has.
int warpOfThread();
int laneOfThread();
int lanesOfWarp();

unsigned char *sharedBegin();
int64_t sharedBytes();

// What threads do that act together: the last to come calls it with the arguments of all, by their places. It tells their instruction, too.
using Act = void (*)(const void *const *arguments, int count);

// All lanes of the warp meet; 128 threads of a warpgroup; so many of the block at one of 16 barriers.
void meetWarp(const void *arguments, Act act);
void meetWarpgroup(Act act);
void meetBarrier(int id, int threads);
int threadsOfBlock();

}  // namespace incache::cuda::emulator
