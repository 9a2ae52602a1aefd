// Where the elements of a tile lie in shared memory. Pure functions, for kernels and for tests without a GPU.
//
// A tile is rows of 16-bit elements in pieces of 16 bytes (8 elements), what asynchronous copies and loadMatrix4 move.
// loadMatrix4 takes 8 rows of one piece at once, and is fast when these lie in 8 different sixteenths of 128 bytes: all
// 32 banks then serve it together. Plain rows of 64 or 128 bytes would put 4 or 8 of them into the same one. So
// the place of a piece within its row is exclusive-ored with bits of the row. Pieces of a row, row by row:
//
//   32 columns, 4 pieces      64 columns, 8 pieces
//   0: 0 1 2 3  1: 0 1 2 3    0: 0 1 2 3 4 5 6 7
//   2: 1 0 3 2  3: 1 0 3 2    1: 1 0 3 2 5 4 7 6
//   4: 2 3 0 1  5: 2 3 0 1    2: 2 3 0 1 6 7 4 5
//   6: 3 2 1 0  7: 3 2 1 0    ...
//
// The pattern repeats every 8 rows. For 16, 32 and 64 columns it is also what the tensor copy engine writes with its 32,
// 64 and 128-byte swizzle, when the tile is at a multiple of 1,024 bytes.
#pragma once

#ifdef __CUDACC__
#define INCACHE_HOST_DEVICE __host__ __device__ __forceinline__
#else
#define INCACHE_HOST_DEVICE inline
#endif

namespace incache::cuda {

constexpr int kPieceBytes = 16, kPieceElements = 8;
// Rows after which every swizzle repeats.
constexpr int kSwizzlePeriod = 8;

// Columns: elements of a row, a multiple of 8. Any such width is free of conflicts, also 72, 80 or 144.
template <int Columns>
struct SwizzledTile {
  static_assert(Columns % kPieceElements == 0, "rows are whole pieces");
  static constexpr int kColumns = Columns;
  static constexpr int kPieces = Columns / kPieceElements;
  static constexpr int kRowBytes = Columns * 2;
  // How many places a piece may take: the power of two in the number of pieces, at most 8.
  static constexpr int kPlaces = kPieces % 8 == 0 ? 8 : kPieces % 4 == 0 ? 4 : kPieces % 2 == 0 ? 2 : 1;

  static constexpr int bytes(int rows) { return rows * kRowBytes; }

  // The place, within its row, of a piece.
  static INCACHE_HOST_DEVICE constexpr int placeOf(int row, int piece) {
    return piece ^ static_cast<int>(static_cast<unsigned>(row) / (8 / kPlaces) % kPlaces);
  }

  // The offset in bytes of a piece from the beginning of the tile.
  static INCACHE_HOST_DEVICE constexpr int offsetOf(int row, int piece) { return row * kRowBytes + placeOf(row, piece) * kPieceBytes; }

  // The offset in bytes of one element.
  static INCACHE_HOST_DEVICE constexpr int elementOffset(int row, int column) {
    return offsetOf(row, column / kPieceElements) + column % kPieceElements * 2;
  }
};

// ---- The row and piece whose address each lane gives to loadMatrix4 --------------------------------------------------

struct RowPiece {
  int row, piece;
};

// 16 rows x 16 columns of the left factor: the registers are `a` of multiply16x8x16.
INCACHE_HOST_DEVICE constexpr RowPiece leftFragment(int lane) { return {lane % 16, lane / 16}; }

// 16 rows x 16 columns of the right factor, kept K-major (a row is one column of the product, as weights are):
// registers 0, 1 are `b` for the first 8 columns of the product, registers 2, 3 for the next 8.
INCACHE_HOST_DEVICE constexpr RowPiece rightFragment(int lane) { return {lane % 8 + lane / 16 * 8, lane / 8 % 2}; }

// The same for a right factor whose rows run along the depth (as those of V in attention), with loadMatrix4Transposed:
// 16 rows of depth x 16 columns of the product.
INCACHE_HOST_DEVICE constexpr RowPiece transposedFragment(int lane) { return {lane % 16, lane / 16}; }

}  // namespace incache::cuda
