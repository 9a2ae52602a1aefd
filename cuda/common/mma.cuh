// The tile of a product that one warp computes with the tensor cores of sm_80 and later, from tiles in shared memory.
//
//   WarpSums<64, 64> sums;
//   sums.clear();
//   for (int piece = 0; piece < depth / 8; piece += 2) sums.multiply<Tile, Tile>(left, row, right, column, piece, lane);
//   sums.each(lane, [&](int row, int column, float low, float high) { ... });
//
// Both factors are K-major Half: out[i][j] = sum over k of left[i][k] right[j][k].
#pragma once
#include "ptx.cuh"
#include "swizzle.h"

namespace incache::cuda::INCACHE_STORAGE {

// 16 x 16 of the left factor from `row` (a multiple of 8) and `piece` on, as `a` of multiply16x8x16. Tile: SwizzledTile<...>.
template <class Tile>
__device__ __forceinline__ void loadLeft(uint32_t (&a)[4], const unsigned char *tile, int row, int piece, int lane) {
  const RowPiece at = leftFragment(lane);
  // The swizzle repeats every 8 rows: what depends on the lane is the same for every `row`.
  loadMatrix4(a, tile + row * Tile::kRowBytes + Tile::offsetOf(at.row, piece + at.piece));
}

// 16 columns of the product: rows `column` (a multiple of 8) and on of the right factor; b[i] is `b` for columns 8 i and on.
template <class Tile>
__device__ __forceinline__ void loadRight(uint32_t (&b)[2][2], const unsigned char *tile, int column, int piece, int lane) {
  const RowPiece at = rightFragment(lane);
  uint32_t r[4];
  loadMatrix4(r, tile + column * Tile::kRowBytes + Tile::offsetOf(at.row, piece + at.piece));
  b[0][0] = r[0], b[0][1] = r[1], b[1][0] = r[2], b[1][1] = r[3];
}

// The same from a tile whose rows run along the depth: 16 rows from `row` (a multiple of 8), columns from `piece` on.
template <class Tile>
__device__ __forceinline__ void loadRightTransposed(uint32_t (&b)[2][2], const unsigned char *tile, int row, int piece, int lane) {
  const RowPiece at = transposedFragment(lane);
  uint32_t r[4];
  loadMatrix4Transposed(r, tile + row * Tile::kRowBytes + Tile::offsetOf(at.row, piece + at.piece));
  b[0][0] = r[0], b[0][1] = r[1], b[1][0] = r[2], b[1][1] = r[3];
}

// Rows and columns are multiples of 16; Rows * Columns / 32 registers hold the sums.
template <int Rows, int Columns>
struct WarpSums {
  static_assert(Rows % 16 == 0 && Columns % 16 == 0, "fragments are 16 x 16");
  static constexpr int kRowTiles = Rows / 16, kColumnTiles = Columns / 8;
  // at[i][j] is `c` of multiply16x8x16 for rows 16 i and on, columns 8 j and on.
  float at[kRowTiles][kColumnTiles][4];

  __device__ __forceinline__ void clear() {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int j = 0; j < kColumnTiles; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) at[i][j][e] = 0;
  }

  // Adds the product over 16 of the depth, with the left factor in registers.
  template <class RightTile>
  __device__ __forceinline__ void multiplyRegisters(const uint32_t (&a)[kRowTiles][4], const unsigned char *right, int column, int piece,
                                                    int lane) {
#pragma unroll
    for (int j = 0; j < kColumnTiles; j += 2) {
      uint32_t b[2][2];
      loadRight<RightTile>(b, right, column + 8 * j, piece, lane);
#pragma unroll
      for (int i = 0; i < kRowTiles; i++) {
        multiply16x8x16(at[i][j], a[i], b[0]);
        multiply16x8x16(at[i][j + 1], a[i], b[1]);
      }
    }
  }

  // Adds the product over 16 of the depth: pieces `piece` and the next of rows `row` and on of the left tile, and of rows
  // `column` and on of the right one.
  template <class LeftTile, class RightTile>
  __device__ __forceinline__ void multiply(const unsigned char *left, int row, const unsigned char *right, int column, int piece, int lane) {
    uint32_t a[kRowTiles][4];
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) loadLeft<LeftTile>(a[i], left, row + 16 * i, piece, lane);
    multiplyRegisters<RightTile>(a, right, column, piece, lane);
  }

  // Calls act(row, column, low, high) for each pair of neighbouring columns of the warp's tile that this lane holds.
  template <class Act>
  __device__ __forceinline__ void each(int lane, Act act) const {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int j = 0; j < kColumnTiles; j++)
#pragma unroll
        for (int half = 0; half < 2; half++)
          act(16 * i + 8 * half + lane / 4, 8 * j + lane % 4 * 2, at[i][j][2 * half], at[i][j][2 * half + 1]);
  }
};

}  // namespace incache::cuda::INCACHE_STORAGE
