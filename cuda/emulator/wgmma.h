// Products of a warpgroup as common/wgmma.cuh has them. They read shared memory as early or as late as hardware may, by a coin: when their
// warp has committed them, or when they are waited for; their sums hold NaN until then.
#pragma once
#include "hopper.h"

namespace incache::cuda::INCACHE_STORAGE {

namespace products {

inline uint64_t encodeDescriptor(uint32_t bytes) { return (bytes & 0x3ffff) >> 4; }

struct Product {
  const void *instruction;
  int columns;
  float *sums;
  bool fromRegisters;
  uint32_t a[4];
  uint64_t left, right;
  bool transposed = false, replaces = false;

  bool matches(const Product &other) const {
    return instruction == other.instruction && (fromRegisters || left == other.left) && right == other.right;
  }
};

// By the running thread.
void fence();
void issue(const Product &product);
void commit();
// Its warpgroup meets; the last to come ends, until at most `pending` groups of all are left.
void wait(emulator::Act end);
void endGroups(int pending);

}  // namespace products

inline uint64_t describeSwizzled128(const void *at) {
  return products::encodeDescriptor(sharedAddress(at)) | products::encodeDescriptor(16) << 16 | products::encodeDescriptor(1024) << 32 |
         uint64_t{1} << 62;
}
inline uint64_t describeTransposed128(const void *at, uint32_t panelBytes) {
  return products::encodeDescriptor(sharedAddress(at)) | products::encodeDescriptor(panelBytes) << 16 |
         products::encodeDescriptor(1024) << 32 | uint64_t{1} << 62;
}
inline void beginProducts() { products::fence(); }
inline void commitProducts() { products::commit(); }
template <int Pending>
void waitProducts() {
  products::wait([](const void *const *, int) { products::endGroups(Pending); });
}
template <int N>
void pinAccumulator(float (&)[N]) {}
template <int N>
void pinLeft(uint32_t (&)[N][4]) {}
template <int Registers>
void growRegisters() {}
template <int Registers>
void shrinkRegisters() {}

template <int N>
struct Wgmma {
  static constexpr int kSums = N / 2;
  static void shared(float (&c)[kSums], uint64_t a, uint64_t b) {
    static const char instruction = 0;
    products::issue({&instruction, N, c, false, {}, a, b});
  }
  template <int Adds = kAdds, int Transposed = kKMajor>
  static void registers(float (&c)[kSums], const uint32_t (&a)[4], uint64_t b) {
    static const char instruction = 0;
    products::issue({&instruction, N, c, true, {a[0], a[1], a[2], a[3]}, 0, b, Transposed == kTransposed, Adds == kReplaces});
  }
};

}  // namespace incache::cuda::INCACHE_STORAGE
