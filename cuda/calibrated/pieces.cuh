// Eight elements that follow each other in a row: what a thread moves and holds at a time.
//
// Of 16 rows and 32 columns of a matrix, lane 4 g + t of a warp holds columns 8 t to 8 t + 7 of rows g and g + 8. A product
// sums over its depth in any order, so the same eight serve as the fragments of two products of depth 16 (chunks.cuh), as long
// as both operands agree; and rows of a weight are put in such an order that the sums come out as eights as well. So x, the
// hidden values and the outputs pass between global memory and tensor cores 16 bytes at a time, and never between threads.
#pragma once
#include "../common/epilogue.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// As Half.
struct alignas(16) Piece {
  uint32_t word[4];
};
struct Eight {
  float at[8];
};

// An operand, and whether eights at a multiple of eight columns lie at multiples of 16 bytes. `at` is null where it is absent.
struct Vectors {
  Operand operand;
  bool aligned;
};

inline bool isAligned(const Matrix &m) {
  return reinterpret_cast<uintptr_t>(m.at) % 16 == 0 && m.stride * bytesOf(m.type) % 16 == 0;
}
inline Vectors vectorsOf(const Matrix &m) { return {operandOf(m), isAligned(m)}; }

__device__ __forceinline__ Eight widened(const Piece &piece) {
  Eight v;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    v.at[2 * i] = lowOf(piece.word[i]);
    v.at[2 * i + 1] = highOf(piece.word[i]);
  }
  return v;
}
__device__ __forceinline__ Piece narrowed(const Eight &v) {
  Piece piece;
#pragma unroll
  for (int i = 0; i < 4; i++) piece.word[i] = packHalf(v.at[2 * i], v.at[2 * i + 1]);
  return piece;
}

// An eight that is known to lie at a multiple of 16 bytes, in Half.
__device__ __forceinline__ Piece readPiece(const Operand &from, int64_t row, int column) {
  return *reinterpret_cast<const Piece *>(static_cast<const Half *>(from.at) + row * from.stride + column);
}

__device__ __forceinline__ void moveUp(Eight &v) {
#pragma unroll
  for (int i = 0; i < 7; i++) v.at[i] = v.at[i + 1];
}

// Columns from `column` on; 0 from column `end` on.
__device__ __forceinline__ Eight readEight(const Vectors &from, int64_t row, int column, int end) {
  if (from.aligned && column % 8 == 0 && column + 8 <= end) {
    if (from.operand.half) return widened(readPiece(from.operand, row, column));
    const float4 *at = reinterpret_cast<const float4 *>(static_cast<const float *>(from.operand.at) + row * from.operand.stride + column);
    const float4 low = at[0], high = at[1];
    return {{low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w}};
  }
  Eight v;
#pragma unroll
  for (int i = 0; i < 8; i++) v.at[i] = column + i < end ? from.operand.read(row, column + i) : 0.0f;
  return v;
}

// To a place at a multiple of 16 bytes.
__device__ __forceinline__ void writeEight(const Operand &to, int64_t row, int column, const Eight &v) {
  const int64_t place = row * to.stride + column;
  if (to.half) {
    *reinterpret_cast<Piece *>(static_cast<Half *>(to.at) + place) = narrowed(v);
  } else {
    float4 *at = reinterpret_cast<float4 *>(static_cast<float *>(to.at) + place);
    at[0] = make_float4(v.at[0], v.at[1], v.at[2], v.at[3]);
    at[1] = make_float4(v.at[4], v.at[5], v.at[6], v.at[7]);
  }
}

// Where a thread's eights are: rows `row` and `row` + 8 of the operands, columns from `eight` of each 32. Each warp of a block has 16
// rows. (Rows are counted in 32 bits: a grid has no room for more.)
struct FragmentPlace {
  int row, eight;
};
__device__ __forceinline__ FragmentPlace placeOf(int firstRow) {
  const int thread = static_cast<int>(threadIdx.x);
  return {firstRow + thread / 32 * 16 + thread % 32 / 4, thread % 4 * 8};
}

}  // namespace incache::cuda::INCACHE_STORAGE
