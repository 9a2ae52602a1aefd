#include "products.h"

#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define INCACHE_FOR_EACH_PROCESSOR __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define INCACHE_FOR_EACH_PROCESSOR
#endif

namespace incache::cuda::emulator {

using Floats = float __attribute__((vector_size(32)));
using Doubles = double __attribute__((vector_size(64)));

// Products of two 16-bit numbers are exact in float64, so that a fused multiply-add has the same value as both operations.
INCACHE_FOR_EACH_PROCESSOR
void multiplyAdd(const double (*left)[kDepth], const double (*right)[kMostColumns], float (*sums)[kMostColumns], int columns, bool replaces) {
  for (int column = 0; column < columns; column += 8)
    for (int row = 0; row < 16; row++) {
      Floats held{};
      if (!replaces) std::memcpy(&held, sums[row] + column, sizeof held);
      Doubles sum = __builtin_convertvector(held, Doubles);
      for (int k = 0; k < kDepth; k++) {
        Doubles factors;
        std::memcpy(&factors, right[k] + column, sizeof factors);
        sum += left[row][k] * factors;
      }
      held = __builtin_convertvector(sum, Floats);
      std::memcpy(sums[row] + column, &held, sizeof held);
    }
}

}  // namespace incache::cuda::emulator
