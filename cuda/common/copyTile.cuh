// From a matrix in global memory to a swizzled tile of Half in shared memory, by all threads of a block.
#pragma once
#include "fours.cuh"
#include "swizzle.h"

namespace incache::cuda::INCACHE_STORAGE {

// Whether rows of x can be copied to shared memory as they are, in pieces of 16 bytes.
inline bool copiesWhole(const Matrix &x) {
  return x.type == kHalfType && x.stride % kPieceElements == 0 && x.columns % kPieceElements == 0 &&
         reinterpret_cast<uintptr_t>(x.at) % kPieceBytes == 0;
}

// The pieces of a tile that one thread moves: piece `piece` of rows `row`, `row` + kRowsApart, ...
template <class Tile, int Rows, int Threads>
struct TileShare {
  static constexpr int kRowsApart = Threads / Tile::kPieces, kCount = Rows / kRowsApart;
  static_assert(Threads % Tile::kPieces == 0 && Rows % kRowsApart == 0 && kRowsApart % kSwizzlePeriod == 0, "every thread moves as many pieces");
  int row, piece;

  explicit __device__ __forceinline__ TileShare(int thread) : row(thread / Tile::kPieces), piece(thread % Tile::kPieces) {}
  __device__ __forceinline__ int rowOf(int i) const { return row + i * kRowsApart; }
  __device__ __forceinline__ int offsetOf(int i) const { return i * kRowsApart * Tile::kRowBytes + Tile::offsetOf(row, piece); }
};

// Starts copying `from` (row stride `stride`, both such that pieces are at multiples of 16 bytes) into a tile. Rows past
// `rows` and pieces that begin past `columns` become 0.
template <class Tile, int Rows, int Threads>
__device__ __forceinline__ void copyTile(unsigned char *tile, const Half *from, int64_t stride, int rows, int columns, int thread) {
  const TileShare<Tile, Rows, Threads> share(thread);
  const Half *at = from + share.row * stride + share.piece * kPieceElements;
  const bool inside = share.piece * kPieceElements < columns;
#pragma unroll
  for (int i = 0; i < share.kCount; i++)
    copyAsync16(tile + share.offsetOf(i), at + i * share.kRowsApart * stride, inside && share.rowOf(i) < rows);
}

// The same for operands of any type, alignment and width: through registers, rounded to Half on the way.
// Elements past `columns` become 0 one by one.
template <class Tile, int Rows, int Threads>
struct RoundedTile {
  using Share = TileShare<Tile, Rows, Threads>;
  Four values[Share::kCount][2];

  // From (row, column) of x on; `fours`: x allows it.
  __device__ __forceinline__ void load(const Operand &x, bool fours, int64_t row, int64_t column, int rows, int columns, int thread) {
    const Share share(thread);
    const int first = share.piece * kPieceElements;
#pragma unroll
    for (int i = 0; i < Share::kCount; i++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        values[i][half] = readSome(x, fours, row + share.rowOf(i), column + first + 4 * half, share.rowOf(i) < rows ? columns - first - 4 * half : 0);
  }

  __device__ __forceinline__ void store(unsigned char *tile, int thread) const {
    const Share share(thread);
#pragma unroll
    for (int i = 0; i < Share::kCount; i++) {
      const float *low = values[i][0].at, *high = values[i][1].at;
      *reinterpret_cast<uint4 *>(tile + share.offsetOf(i)) =
          make_uint4(packHalf(low[0], low[1]), packHalf(low[2], low[3]), packHalf(high[0], high[1]), packHalf(high[2], high[3]));
    }
  }
};

}  // namespace incache::cuda::INCACHE_STORAGE
