// Sums that a block of 256 threads has of a tile by plain arithmetic: thread 16 i + j has rows i + 16 m and columns j + 16 n.
#pragma once
#include "values.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// sums[m][n] += left[d][i + 16 m] * right[d][j + 16 n] over the depth; left and right are [depth][tile], in shared memory.
template <int Tile, int Depth>
__device__ __forceinline__ void addOuterProducts(float (&sums)[4][4], const float *left, const float *right, int i, int j) {
#pragma unroll
  for (int d = 0; d < Depth; d++)
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int n = 0; n < 4; n++) sums[m][n] += left[d * Tile + i + 16 * m] * right[d * Tile + j + 16 * n];
}

}  // namespace incache::cuda::INCACHE_STORAGE
