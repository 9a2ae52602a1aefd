// How the output of a linear is divided into tiles, one a block. Pure functions, for kernels and for tests without a GPU.
#pragma once
#include <cstdint>

#include "../common/swizzle.h"

namespace incache::cuda {

// Tiles of Rows x Columns of the output; each warp computes WarpRows x WarpColumns of it. The depth is taken in steps of
// `Step`, `Stages` of them in shared memory.
template <int Rows, int Columns, int WarpRows, int WarpColumns, int Step, int Stages>
struct TileShape {
  static constexpr int kRows = Rows, kColumns = Columns, kWarpRows = WarpRows, kWarpColumns = WarpColumns, kStep = Step, kStages = Stages;
  static constexpr int kWarpsAcross = Columns / WarpColumns;
  static constexpr int kThreads = Rows / WarpRows * kWarpsAcross * 32;
  // Blocks that a multiprocessor is to hold at once, so that one computes while another begins or ends.
  static constexpr int kBlocks = Rows * Columns >= 128 * 128 ? 2 : 3;

  using Factor = SwizzledTile<Step>;
  static constexpr int kLeftBytes = Factor::bytes(Rows), kStageBytes = kLeftBytes + Factor::bytes(Columns);
  // Sums on their way to the epilogue, 16 rows of each warp. 8 more floats a row: eight-byte stores of four rows then meet
  // different banks.
  static constexpr int kSumStride = WarpColumns + 8, kSumBytes = 16 * kSumStride * 4;
  static constexpr int kSharedBytes = Stages * kStageBytes;
  static_assert(kThreads / 32 * kSumBytes <= kSharedBytes, "the sums take the place of the stages");
};

// Larger tiles read less for each product, smaller ones give every multiprocessor work. The last is for a few rows, where
// reading the weight is all: it has the most of it under way.
using Tile128x128 = TileShape<128, 128, 64, 64, 32, 3>;
using Tile128x64 = TileShape<128, 64, 64, 32, 32, 4>;
using Tile64x64 = TileShape<64, 64, 32, 32, 32, 4>;
using Tile16x64 = TileShape<16, 64, 16, 16, 64, 4>;

// The tiles of an output of rows x columns, in order of columns first: blocks that run together share rows of x.
struct TileGrid {
  int64_t rowTiles, columnTiles;

  INCACHE_HOST_DEVICE int64_t count() const { return rowTiles * columnTiles; }
  INCACHE_HOST_DEVICE int64_t rowOf(int64_t tile) const { return tile / columnTiles; }
  INCACHE_HOST_DEVICE int64_t columnOf(int64_t tile) const { return tile % columnTiles; }
};
inline TileGrid gridOf(int64_t rows, int64_t columns, int tileRows, int tileColumns) {
  return {(rows + tileRows - 1) / tileRows, (columns + tileColumns - 1) / tileColumns};
}

// The shapes in the order of `kTileSizes`.
struct TileSize {
  int rows, columns;
  // Predicted throughput of the inner loop, from bytes read from shared memory a product; relative to the first.
  double rate;
};
constexpr TileSize kTileSizes[] = {{128, 128, 1.0}, {128, 64, 0.9}, {64, 64, 0.75}, {16, 64, 0.3}};
constexpr int kTileShapes = 4;

// The place in kTileSizes of what should end first: turns that the multiprocessor with most tiles takes, each as long as
// its tile is large.
inline int chooseTile(int64_t rows, int64_t columns, int multiprocessors) {
  int best = 0;
  double least = 0;
  for (int i = 0; i < kTileShapes; i++) {
    const TileSize &size = kTileSizes[i];
    const int64_t tiles = gridOf(rows, columns, size.rows, size.columns).count();
    const double time = static_cast<double>((tiles + multiprocessors - 1) / multiprocessors) * size.rows * size.columns / size.rate;
    if (i == 0 || time < least) least = time, best = i;
  }
  return best;
}

// act(shape), of the shape at a place of kTileSizes.
template <class Act>
void withTileShape(int place, Act act) {
  switch (place) {
    case 0: return act(Tile128x128{});
    case 1: return act(Tile128x64{});
    case 2: return act(Tile64x64{});
    default: return act(Tile16x64{});
  }
}

}  // namespace incache::cuda
