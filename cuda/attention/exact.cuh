// softmax(scale q k^T + bias + keyBias) v in float32 throughout, for queries in float32 (the exact mode) and for heads that are wider than what the
// tensor cores' kernel has registers for. Plain tiles; speed is not its purpose.
#pragma once
#include <cmath>

#include "../common/outerProducts.cuh"
#include "arguments.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// Thread 16 i + j has rows i + 16 m, m < 4: of scores with keys j + 16 n, of outputs with columns j + 16 n.
struct ExactAttention {
  // Queries and keys of a tile, how much of a depth is in shared memory at a time, and columns of v that a block sums.
  static constexpr int kThreads = 256, kTile = 64, kDepth = 16, kColumns = 128;
  // A row of weights; the extra element keeps rows that a warp reads at once in different banks.
  static constexpr int kWeightStride = kTile + 1;
  static constexpr int kSharedBytes = (2 * kDepth * kTile + kTile * kWeightStride) * 4;

  const AttentionArguments &a;
  const AttentionPlace place;
  const int thread, i, j;
  float *left, *right, *weights;  // left, right: [depth][tile]; values take the place of both

  explicit __device__ __forceinline__ ExactAttention(const AttentionArguments &arguments)
      : a(arguments), place(arguments, blockIdx.x, kTile), thread(static_cast<int>(threadIdx.x)), i(thread / 16), j(thread % 16),
        left(reinterpret_cast<float *>(sharedMemory())), right(left + kDepth * kTile), weights(right + kDepth * kTile) {}

  // Rows from `row` on, `rows` of them there, columns of the head from `first` on, to[column][row]; 0 past the ends.
  __device__ __forceinline__ void loadUpright(float *to, const Operand &from, int64_t row, int rows, int first) const {
    for (int at = thread; at < kTile * kDepth; at += kThreads) {
      const int r = at / kDepth, c = at % kDepth;
      to[c * kTile + r] = r < rows && first + c < a.width ? from.read(row + r, place.column + first + c) : 0.0f;
    }
  }

  // Scores of keys from `key` on; -inf where there are none.
  template <bool Biased>
  __device__ __forceinline__ void score(float (&scores)[4][4], int key) const {
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int n = 0; n < 4; n++) scores[m][n] = 0;
#pragma unroll 1
    for (int first = 0; first < a.width; first += kDepth) {
      synchronizeBlock();
      loadUpright(left, a.q, place.firstQuery, place.rows, first);
      loadUpright(right, a.k, place.firstKey + key, place.keys - key, first);
      synchronizeBlock();
      addOuterProducts<kTile, kDepth>(scores, left, right, i, j);
    }
#pragma unroll
    for (int m = 0; m < 4; m++)
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const int of = key + j + 16 * n;
        if constexpr (Biased) scores[m][n] = place.biased(a, scores[m][n], i + 16 * m, of);
        else if (of >= place.keys) scores[m][n] = -INFINITY;
      }
  }

  // Scores to weights, which go to shared memory; earlier sums shrink. The 16 threads of a row are neighbours in a warp.
  __device__ __forceinline__ void weigh(const float (&scores)[4][4], OnlineRow (&rows)[4], float (&sums)[4][8]) const {
#pragma unroll
    for (int m = 0; m < 4; m++) {
      float largest = fmaxf(fmaxf(scores[m][0], scores[m][1]), fmaxf(scores[m][2], scores[m][3]));
#pragma unroll
      for (int mask = 1; mask < 16; mask *= 2) largest = fmaxf(largest, shuffleXor(largest, mask));
      const float shrink = powerOfTwo(rows[m].join(largest, a.rate));
      rows[m].total *= shrink;
#pragma unroll
      for (int n = 0; n < 8; n++) sums[m][n] *= shrink;
#pragma unroll
      for (int n = 0; n < 4; n++) {
        const float weight = powerOfTwo(rows[m].exponentOf(scores[m][n], a.rate));
        rows[m].total += weight;
        weights[(i + 16 * m) * kWeightStride + j + 16 * n] = weight;
      }
    }
  }

  // Adds weights times values of keys from `key` on, for columns of the head from `column` on.
  __device__ __forceinline__ void add(float (&sums)[4][8], int key, int column) const {
    const int keys = min(place.keys - key, kTile);
#pragma unroll 1
    for (int first = 0; first < keys; first += kDepth) {
      synchronizeBlock();
      for (int at = thread; at < kDepth * kColumns; at += kThreads) {
        const int r = first + at / kColumns, c = column + at % kColumns;
        left[at] = r < keys && c < a.width ? a.v.read(place.firstKey + key + r, place.column + c) : 0.0f;
      }
      synchronizeBlock();
#pragma unroll
      for (int d = 0; d < kDepth; d++)
#pragma unroll
        for (int m = 0; m < 4; m++) {
          const float weight = weights[(i + 16 * m) * kWeightStride + first + d];
#pragma unroll
          for (int n = 0; n < 8; n++) sums[m][n] += weight * left[d * kColumns + j + 16 * n];
        }
    }
  }

  __device__ __forceinline__ void write(const OnlineRow (&rows)[4], const float (&sums)[4][8], int column) const {
#pragma unroll
    for (int m = 0; m < 4; m++) {
      float total = rows[m].total;
#pragma unroll
      for (int mask = 1; mask < 16; mask *= 2) total += shuffleXor(total, mask);
#pragma unroll
      for (int n = 0; n < 8; n++) {
        const int c = column + j + 16 * n;
        if (i + 16 * m < place.rows && c < a.width) a.out.write(place.firstQuery + i + 16 * m, place.column + c, sums[m][n] / total);
      }
    }
  }
};

// Block (x, y): queries of one head, columns of the head from y * ExactAttention::kColumns on.
template <bool Biased>
__global__ void __launch_bounds__(ExactAttention::kThreads) attendExactly(const __grid_constant__ AttentionArguments a) {
  const ExactAttention attention(a);
  const int column = static_cast<int>(blockIdx.y) * ExactAttention::kColumns;
  OnlineRow rows[4];
  float sums[4][8] = {};
#pragma unroll 1
  for (int key = 0; key < attention.place.keys; key += ExactAttention::kTile) {
    float scores[4][4];
    attention.score<Biased>(scores, key);
    attention.weigh(scores, rows, sums);
    attention.add(sums, key, column);
  }
  attention.write(rows, sums, column);
}

}  // namespace incache::cuda::INCACHE_STORAGE
