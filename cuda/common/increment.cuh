// What an input has changed by since a former step.
#pragma once
#include "values.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// x - previous, where previous is given; x is first rounded to what that holds, so that an unchanged input leaves 0.
__device__ __forceinline__ float incrementAt(const Operand &x, const Operand &previous, int64_t row, int64_t column) {
  const float v = x.read(row, column);
  return previous.at ? previous.rounded(v) - previous.read(row, column) : v;
}

}  // namespace incache::cuda::INCACHE_STORAGE
