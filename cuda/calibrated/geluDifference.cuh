// What the activation makes of an increment.
#pragma once
#include "../common/values.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// GELU is x / (1 + 2^u), u = -2 sqrt(2 / pi) log2(e) (x + 0.044715 x^3). The exponent is held to 60, where x / 2^u is 0 in every
// sense, so that two such can be multiplied.
__device__ __forceinline__ float onePlusExponential(float x) {
  const float u = x * (-2.3022082f - 0.10294324f * (x * x));
  return 1.0f + powerOfTwo(fminf(u, 60.0f));
}
// gelu(x) - gelu(y), as (x - y) s(x) + y (s(x) - s(y)) with s = 1 / (1 + e): exactly 0 when they are equal, whichever products and
// sums the compiler fuses.
__device__ __forceinline__ float geluDifference(float x, float y) {
  const float a = onePlusExponential(x), b = onePlusExponential(y), inverse = reciprocal(a * b);
  return (x - y) * (b * inverse) + y * ((b - a) * inverse);
}

}  // namespace incache::cuda::INCACHE_STORAGE
