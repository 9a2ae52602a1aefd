// Rows of one head from global memory to a swizzled tile in shared memory.
#pragma once
#include "../common/swizzle.h"
#include "../common/values.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// Starts copying pieces First to First + Count - 1 of each row, Count a power of two: every thread then keeps to one piece,
// and goes down the rows in steps for which the swizzle is the same. Pieces from `columns` on and rows from `rows` on become 0.
template <class Tile, int Rows, int First, int Count, int Threads>
__device__ __forceinline__ void copyPieces(unsigned char *tile, const Half *from, int64_t stride, int rows, int columns, int thread) {
  constexpr int kRowsApart = Threads / Count;
  static_assert(Threads % Count == 0 && kRowsApart % kSwizzlePeriod == 0, "the swizzle of a thread's rows must be the same");
  const int row = thread / Count, piece = First + thread % Count;
  const Half *at = from + row * stride + piece * kPieceElements;
  unsigned char *to = tile + Tile::offsetOf(row, piece);
  const bool inside = piece * kPieceElements < columns;
#pragma unroll
  for (int i = 0; i < Rows; i += kRowsApart)
    if (Rows % kRowsApart == 0 || row + i < Rows) copyAsync16(to + i * Tile::kRowBytes, at + i * stride, inside && row + i < rows);
}

// The first `Pieces` pieces of each row, in groups of 16 or 8; what remains is 1, 2 or 4.
template <class Tile, int Rows, int Pieces, int Threads, int First = 0>
__device__ __forceinline__ void copyRows(unsigned char *tile, const Half *from, int64_t stride, int rows, int columns, int thread) {
  if constexpr (First < Pieces) {
    constexpr int kLeft = Pieces - First, kCount = kLeft >= 16 ? 16 : kLeft >= 8 ? 8 : kLeft;
    copyPieces<Tile, Rows, First, kCount, Threads>(tile, from, stride, rows, columns, thread);
    copyRows<Tile, Rows, Pieces, Threads, First + kCount>(tile, from, stride, rows, columns, thread);
  }
}

// The same at once, from operands of any type and alignment, rounded to Half on the way.
template <class Tile, int Rows, int Pieces, int Threads>
__device__ __forceinline__ void roundRows(unsigned char *tile, const Operand &from, int64_t row, int64_t column, int rows, int columns,
                                          int thread) {
#pragma unroll 1
  for (int place = thread; place < Rows * Pieces; place += Threads) {
    const int i = place / Pieces, piece = place % Pieces, first = piece * kPieceElements;
    uint32_t words[4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int at = first + 2 * j;
      const float low = i < rows && at < columns ? from.read(row + i, column + at) : 0.0f;
      const float high = i < rows && at + 1 < columns ? from.read(row + i, column + at + 1) : 0.0f;
      words[j] = packHalf(low, high);
    }
    *reinterpret_cast<uint4 *>(tile + Tile::offsetOf(i, piece)) = make_uint4(words[0], words[1], words[2], words[3]);
  }
}

// Zeros in the pieces from `First` on of every row.
template <class Tile, int Rows, int First, int Threads>
__device__ __forceinline__ void clearPieces(unsigned char *tile, int thread) {
  constexpr int kCount = Tile::kPieces - First;
  for (int place = thread; place < Rows * kCount; place += Threads)
    *reinterpret_cast<uint4 *>(tile + Tile::offsetOf(place / kCount, First + place % kCount)) = make_uint4(0, 0, 0, 0);
}

}  // namespace incache::cuda::INCACHE_STORAGE
