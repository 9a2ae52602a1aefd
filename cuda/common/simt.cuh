// The tile of a product that a block computes in float32, each thread by itself: the exact mode. 128 threads, 64 x 64 sums.
#pragma once
#include "fours.cuh"

namespace incache::cuda::INCACHE_STORAGE {

constexpr int kSimtTile = 64, kSimtStep = 16, kSimtThreads = 128;
// A factor in shared memory: `kSimtStep` rows of depth, each the tile's 64 rows in order.
constexpr int kSimtStride = kSimtTile + 4, kSimtFactorFloats = kSimtStep * kSimtStride;

// 64 rows x 16 columns of an operand of any type, on their way from global to shared memory.
struct SimtFactor {
  static constexpr int kFoursAcross = kSimtStep / 4, kRowsApart = kSimtThreads / kFoursAcross, kCount = kSimtTile / kRowsApart;
  Four values[kCount];

  // From (row, column) of m on; rows past `rows` and columns past `columns` are 0. `fours`: m allows it.
  __device__ __forceinline__ void load(const Operand &m, bool fours, int64_t row, int64_t column, int rows, int columns, int thread) {
    const int own = thread / kFoursAcross, first = thread % kFoursAcross * 4;
#pragma unroll
    for (int i = 0; i < kCount; i++)
      values[i] = readSome(m, fours, row + own + i * kRowsApart, column + first, own + i * kRowsApart < rows ? columns - first : 0);
  }
  __device__ __forceinline__ void store(float *factor, int thread) const {
#pragma unroll
    for (int i = 0; i < kCount; i++)
#pragma unroll
      for (int j = 0; j < 4; j++) factor[(thread % kFoursAcross * 4 + j) * kSimtStride + thread / kFoursAcross + i * kRowsApart] = values[i].at[j];
  }
};

// Of rows `rowOf`(thread) and on, four neighbouring columns.
struct SimtSums {
  static constexpr int kRows = 8;
  Four at[kRows];

  static __device__ __forceinline__ int rowOf(int thread) { return thread / (kSimtTile / 4) * kRows; }
  static __device__ __forceinline__ int columnOf(int thread) { return thread % (kSimtTile / 4) * 4; }

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < kRows; i++) at[i] = {};
  }
  // Adds the product over kSimtStep of the depth, in its order.
  __device__ __forceinline__ void multiply(const float *left, const float *right, int thread) {
#pragma unroll
    for (int k = 0; k < kSimtStep; k++) {
      const float4 low = *reinterpret_cast<const float4 *>(left + k * kSimtStride + rowOf(thread));
      const float4 high = *reinterpret_cast<const float4 *>(left + k * kSimtStride + rowOf(thread) + 4);
      const float4 b = *reinterpret_cast<const float4 *>(right + k * kSimtStride + columnOf(thread));
      const float a[kRows] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
      for (int i = 0; i < kRows; i++) {
        at[i].at[0] += a[i] * b.x;
        at[i].at[1] += a[i] * b.y;
        at[i].at[2] += a[i] * b.z;
        at[i].at[3] += a[i] * b.w;
      }
    }
  }
  // As a row of sums every kSimtStride floats.
  __device__ __forceinline__ void store(float *tile, int thread) const {
#pragma unroll
    for (int i = 0; i < kRows; i++)
      *reinterpret_cast<float4 *>(tile + (rowOf(thread) + i) * kSimtStride + columnOf(thread)) =
          make_float4(at[i].at[0], at[i].at[1], at[i].at[2], at[i].at[3]);
  }
};

}  // namespace incache::cuda::INCACHE_STORAGE
