// The primitives of common/ptx.cuh, as the PTX manual defines them.
#pragma once
#include "../../cpp/core/half.h"
#include "../common/storage.h"
#include "language.h"
#include "products.h"

namespace incache::cuda::INCACHE_STORAGE {

inline float toFloat(Half v) { return widenHalf(v.bits, kHalfType); }
inline Half toHalf(float v) { return {narrowHalf(v, kHalfType)}; }
inline uint32_t packHalf(float low, float high) { return toHalf(low).bits | static_cast<uint32_t>(toHalf(high).bits) << 16; }
inline float lowOf(uint32_t word) { return toFloat({static_cast<uint16_t>(word)}); }
inline float highOf(uint32_t word) { return toFloat({static_cast<uint16_t>(word >> 16)}); }

}  // namespace incache::cuda::INCACHE_STORAGE

namespace incache::cuda {

inline unsigned char *sharedMemory() { return emulator::sharedBegin(); }
// Shared memory begins at 1,024 of its own address space: no valid address is 0.
constexpr uint32_t kSharedBase = 1024;
inline uint32_t sharedAddress(const void *at) {
  const int64_t offset = static_cast<const unsigned char *>(at) - emulator::sharedBegin();
  if (offset < 0 || offset >= emulator::sharedBytes()) emulator::fail("an address that must be in shared memory is not");
  return static_cast<uint32_t>(offset) + kSharedBase;
}

// ---- Threads -------------------------------------------------------------------------------------------------------

inline void synchronizeBlock() { emulator::meetBarrier(0, emulator::threadsOfBlock()); }
inline void synchronizeWarp() {
  emulator::meetWarp(nullptr, [](const void *const *, int) {});
}
inline void synchronizeSome(int id, int threads) {
  if (id < 1 || id > 15 || threads % 32) emulator::fail("synchronizeSome wants a barrier from 1 to 15 and whole warps");
  emulator::meetBarrier(id, threads);
}

namespace emulator {
template <class T>
T shuffle(T value, int source) {
  struct Arguments {
    T value;
    int source;
    T *result;
  };
  T result;
  const Arguments own{value, source, &result};
  meetWarp(&own, [](const void *const *arguments, int lanes) {
    const Arguments *const *all = reinterpret_cast<const Arguments *const *>(arguments);
    for (int lane = 0; lane < lanes; lane++) *all[lane]->result = all[all[lane]->source < lanes ? all[lane]->source : lane]->value;
  });
  return result;
}
}  // namespace emulator
template <class T>
T shuffleXor(T value, int mask) {
  return emulator::shuffle(value, emulator::laneOfThread() ^ mask);
}
template <class T>
T shuffleFrom(T value, int lane) {
  return emulator::shuffle(value, lane & 31);
}
inline void prefetch(const void *) {}
inline float4 loadFourIf(bool there, const float *global) { return there ? *reinterpret_cast<const float4 *>(global) : float4{}; }
inline int unknown(int value) { return value; }
inline float powerOfTwo(float x) { return std::exp2(x); }
inline float reciprocal(float x) { return 1.0f / x; }

inline double multiplied(double a, double b) {
  volatile double product = a * b;
  return product;
}
inline double added(double a, double b) {
  volatile double sum = a + b;
  return sum;
}
inline void keepLeast(int *global, int value) { *global = std::min(*global, value); }

// ---- Asynchronous copies, fragments, products ---------------------------------------------------------------------------

// The bytes arrive when they are waited for, not before: until then the target holds NaN.
void copyAsync16(void *shared, const void *global, bool valid);
void commitCopies();
namespace emulator {
// Until at most `pending` of this thread's groups are under way.
void waitCopyGroups(int pending);
}  // namespace emulator
template <int Pending>
void waitCopies() {
  emulator::waitCopyGroups(Pending);
}
void loadMatrix4(uint32_t (&r)[4], const void *row);
void loadMatrix4Transposed(uint32_t (&r)[4], const void *row);

}  // namespace incache::cuda

namespace incache::cuda::INCACHE_STORAGE {

struct WarpProduct {
  float *c;
  const uint32_t *a, *b;
};
inline void multiplyWarp(const void *const *arguments, int) {
  const WarpProduct *const *all = reinterpret_cast<const WarpProduct *const *>(arguments);
  static double left[16][emulator::kDepth], right[emulator::kDepth][emulator::kMostColumns];
  static float sums[16][emulator::kMostColumns];
  for (int lane = 0; lane < 32; lane++) {
    const int g = lane / 4, t = lane % 4 * 2;
    for (int i = 0; i < 4; i++) {
      const int row = g + i % 2 * 8, column = t + i / 2 * 8;
      left[row][column] = lowOf(all[lane]->a[i]);
      left[row][column + 1] = highOf(all[lane]->a[i]);
    }
    for (int i = 0; i < 2; i++) {
      right[t + 8 * i][g] = lowOf(all[lane]->b[i]);
      right[t + 8 * i + 1][g] = highOf(all[lane]->b[i]);
      std::memcpy(&sums[g + 8 * i][t], all[lane]->c + 2 * i, 2 * sizeof(float));
    }
  }
  emulator::multiplyAdd(left, right, sums, 8, false);
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < 2; i++) std::memcpy(all[lane]->c + 2 * i, &sums[lane / 4 + 8 * i][lane % 4 * 2], 2 * sizeof(float));
}

inline void multiply16x8x16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const WarpProduct own{c, a, b};
  emulator::meetWarp(&own, multiplyWarp);
}

}  // namespace incache::cuda::INCACHE_STORAGE
