// The primitives of common/ptx.cuh, as the PTX manual defines them.
#pragma once
#include "../../cpp/core/half.h"
#include "../common/storage.h"
#include "language.h"

namespace incache::cuda::INCACHE_STORAGE {

inline float toFloat(Half v) { return widenHalf(v.bits, kHalfType); }
inline Half toHalf(float v) { return {narrowHalf(v, kHalfType)}; }
inline uint32_t packHalf(float low, float high) { return toHalf(low).bits | static_cast<uint32_t>(toHalf(high).bits) << 16; }
inline float lowOf(uint32_t word) { return toFloat({static_cast<uint16_t>(word)}); }
inline float highOf(uint32_t word) { return toFloat({static_cast<uint16_t>(word >> 16)}); }

}  // namespace incache::cuda::INCACHE_STORAGE

namespace incache::cuda {

inline unsigned char *sharedMemory() { return emulator::Machine::get().shared(); }
// Shared memory begins at 1,024 of its own address space: no valid address is 0.
constexpr uint32_t kSharedBase = 1024;
inline uint32_t sharedAddress(const void *at) {
  emulator::Machine &machine = emulator::Machine::get();
  const int64_t offset = static_cast<const unsigned char *>(at) - machine.shared();
  if (offset < 0 || offset >= machine.sharedBytes()) emulator::fail("an address that must be in shared memory is not");
  return static_cast<uint32_t>(offset) + kSharedBase;
}

// ---- Threads -------------------------------------------------------------------------------------------------------

namespace emulator {
// All lanes of the warp meet; the instruction is known by the address of a function that only it uses.
template <class Arguments, class Act>
void meetWarp(const Arguments &arguments, const void *instruction, Act act) {
  Machine &machine = Machine::get();
  const int lanes = machine.lanesOf(machine.current().warp);
  machine.meet(machine.warpMeeting(), lanes, machine.current().lane, &arguments, instruction, [&](const void *const *all) {
    act(reinterpret_cast<const Arguments *const *>(all), lanes);
  });
}
inline void meetBarrier(int id, int threads) {
  static const char instruction = 0;
  Machine &machine = Machine::get();
  machine.meet(machine.barrier(id), threads, 0, nullptr, &instruction, [](const void *const *) {});
}
}  // namespace emulator

inline void synchronizeBlock() { emulator::meetBarrier(0, emulator::Machine::get().threads()); }
inline void synchronizeWarp() {
  static const char instruction = 0;
  emulator::meetWarp(0, &instruction, [](const int *const *, int) {});
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
  static const char instruction = 0;
  T result;
  meetWarp(Arguments{value, source, &result}, &instruction, [](const Arguments *const *all, int lanes) {
    for (int lane = 0; lane < lanes; lane++) *all[lane]->result = all[all[lane]->source < lanes ? all[lane]->source : lane]->value;
  });
  return result;
}
}  // namespace emulator
template <class T>
T shuffleXor(T value, int mask) {
  return emulator::shuffle(value, emulator::Machine::get().current().lane ^ mask);
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
inline void copyAsync16(void *shared, const void *global, bool valid) {
  if (sharedAddress(shared) % 16 || (valid && reinterpret_cast<uintptr_t>(global) % 16)) emulator::fail("copyAsync16 wants multiples of 16 bytes");
  std::memset(shared, 0xff, 16);
  emulator::Machine::get().current().copies.back().push_back({shared, valid ? global : nullptr});
}
inline void commitCopies() { emulator::Machine::get().current().copies.emplace_back(); }
template <int Pending>
void waitCopies() {
  auto &groups = emulator::Machine::get().current().copies;
  while (groups.size() > Pending + 1) {
    for (const emulator::Copy &copy : groups.front())
      if (copy.from)
        std::memcpy(copy.to, copy.from, 16);
      else
        std::memset(copy.to, 0, 16);
    groups.erase(groups.begin());
  }
}

namespace emulator {
struct MatrixArguments {
  uint32_t *result;
  const void *row;
};
inline uint16_t elementOf(const MatrixArguments *const *all, int matrix, int row, int column) {
  return static_cast<const uint16_t *>(all[8 * matrix + row]->row)[column];
}
template <bool Transposed>
void loadMatrix4(uint32_t (&r)[4], const void *row) {
  static const char instruction = 0;
  if (sharedAddress(row) % 16) fail("loadMatrix4 wants rows at multiples of 16 bytes");
  meetWarp(MatrixArguments{r, row}, &instruction, [](const MatrixArguments *const *all, int lanes) {
    for (int lane = 0; lane < lanes; lane++)
      for (int i = 0; i < 4; i++) {
        const int g = lane / 4, t = lane % 4 * 2;
        const uint32_t low = Transposed ? elementOf(all, i, t, g) : elementOf(all, i, g, t);
        const uint32_t high = Transposed ? elementOf(all, i, t + 1, g) : elementOf(all, i, g, t + 1);
        all[lane]->result[i] = low | high << 16;
      }
  });
}
}  // namespace emulator

inline void loadMatrix4(uint32_t (&r)[4], const void *row) { emulator::loadMatrix4<false>(r, row); }
inline void loadMatrix4Transposed(uint32_t (&r)[4], const void *row) { emulator::loadMatrix4<true>(r, row); }

}  // namespace incache::cuda

namespace incache::cuda::INCACHE_STORAGE {

struct WarpProduct {
  float *c;
  const uint32_t *a, *b;
};
// Sums of one product in float64: hardware keeps a few bits more than float32 within one.
inline void multiplyWarp(const WarpProduct *const *all, int) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const int g = lane / 4, t = lane % 4 * 2;
    for (int i = 0; i < 4; i++) {
      const int row = g + i % 2 * 8, column = t + i / 2 * 8;
      a[row][column] = lowOf(all[lane]->a[i]);
      a[row][column + 1] = highOf(all[lane]->a[i]);
    }
    for (int i = 0; i < 2; i++) {
      b[t + 8 * i][g] = lowOf(all[lane]->b[i]);
      b[t + 8 * i + 1][g] = highOf(all[lane]->b[i]);
    }
  }
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < 4; i++) {
      const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
      double sum = all[lane]->c[i];
      for (int k = 0; k < 16; k++) sum += static_cast<double>(a[row][k]) * b[k][column];
      all[lane]->c[i] = static_cast<float>(sum);
    }
}

inline void multiply16x8x16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  static const char instruction = 0;
  emulator::meetWarp(WarpProduct{c, a, b}, &instruction, multiplyWarp);
}

}  // namespace incache::cuda::INCACHE_STORAGE
