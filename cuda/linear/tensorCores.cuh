// out = epilogue(x W^T + bias) with a Half weight: a tile of the output a block, on the tensor cores of sm_80 and later.
#pragma once
#include "../common/copyTile.cuh"
#include "../common/finishTile.cuh"
#include "../common/mma.cuh"
#include "../common/pipeline.cuh"
#include "tiles.h"

namespace incache::cuda::INCACHE_STORAGE {

// All of a product but its left factor.
struct TileProduct {
  const Half *weight;
  int64_t weightStride, rows, columns, depth;
  TileGrid grid;
  TileEpilogue epilogue;

  // Of the block's tile.
  template <class Shape>
  __device__ __forceinline__ int64_t firstRow() const {
    return grid.rowOf(blockIdx.x) * Shape::kRows;
  }
};
template <class Shape>
TileProduct tileProductOf(const BoundOp &b, int64_t rows) {
  return {reinterpret_cast<const Half *>(b.weight.at),
          weightStride(b.weight.depth),
          rows,
          b.weight.rows,
          b.weight.depth,
          gridOf(rows, b.weight.rows, Shape::kRows, Shape::kColumns),
          tileEpilogueOf(b)};
}

struct LinearArguments {
  Operand x;
  bool xFours;
  TileProduct product;
};

// The sums of one warp to the output. Fragments hold two columns a lane; by way of shared memory a lane gets four.
// `shared`: kSumBytes that belong to this warp. (row, column): where its tile begins; `rows` and `columns` of it exist.
template <class Shape>
__device__ __forceinline__ void finishWarp(const TileEpilogue &epilogue, const WarpSums<Shape::kWarpRows, Shape::kWarpColumns> &sums, float *shared,
                                           int64_t row, int64_t column, int rows, int columns, int lane) {
  // The loop is not unrolled, so that the epilogue is compiled once; only the registers that are stored depend on its turn.
#pragma unroll 1
  for (int slice = 0; slice < sums.kRowTiles; slice++) {
    synchronizeWarp();
#pragma unroll
    for (int i = 0; i < sums.kRowTiles; i++)
      if (i == slice)
#pragma unroll
        for (int j = 0; j < sums.kColumnTiles; j++)
#pragma unroll
          for (int half = 0; half < 2; half++)
            *reinterpret_cast<float2 *>(shared + (lane / 4 + 8 * half) * Shape::kSumStride + 8 * j + lane % 4 * 2) =
                make_float2(sums.at[i][j][2 * half], sums.at[i][j][2 * half + 1]);
    synchronizeWarp();
    finishTile<16, Shape::kWarpColumns, Shape::kSumStride, 32>(epilogue, shared, row + 16 * slice, column, rows - 16 * slice, columns, lane);
  }
}

// Rows of x for a tile. `begin` starts those of a step of the depth, from k on, on their way to a tile in shared memory; `end` stores
// what of it went through registers.
// Rounded: x is float32, or not aligned for copies of 16 bytes, and is rounded to Half on its way.
template <class Shape, bool Rounded>
class RowsOfTile {
 public:
  __device__ __forceinline__ RowsOfTile(const LinearArguments &a, int64_t row, int thread)
      : a_(a), row_(row), rows_(static_cast<int>(min(a.product.rows - row, int64_t{Shape::kRows}))), thread_(thread) {}
  __device__ __forceinline__ void begin(unsigned char *tile, int k) {
    const int depth = static_cast<int>(a_.product.depth) - k;
    if (Rounded)
      rounded_.load(a_.x, a_.xFours, row_, k, rows_, depth, thread_);
    else
      copyTile<Factor, Shape::kRows, Shape::kThreads>(tile, static_cast<const Half *>(a_.x.at) + row_ * a_.x.stride + k, a_.x.stride, rows_, depth,
                                                      thread_);
  }
  __device__ __forceinline__ void end(unsigned char *tile) const {
    if (Rounded) rounded_.store(tile, thread_);
  }

 private:
  using Factor = typename Shape::Factor;
  const LinearArguments &a_;
  const int64_t row_;
  const int rows_, thread_;
  RoundedTile<Factor, Shape::kRows, Shape::kThreads> rounded_;
};

// The tile of a block, by all of its threads. Left: as RowsOfTile.
template <class Shape, class Left>
__device__ __forceinline__ void multiplyAndFinish(const TileProduct &a, Left &left) {
  using Factor = typename Shape::Factor;
  unsigned char *shared = sharedMemory();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int64_t row = a.firstRow<Shape>(), column = a.grid.columnOf(blockIdx.x) * Shape::kColumns;
  const int rows = static_cast<int>(min(a.rows - row, int64_t{Shape::kRows}));
  const int columns = static_cast<int>(min(a.columns - column, int64_t{Shape::kColumns}));
  const int warpRow = warp / Shape::kWarpsAcross * Shape::kWarpRows, warpColumn = warp % Shape::kWarpsAcross * Shape::kWarpColumns;

  const auto begin = [&](int step, int stage) {
    const int k = step * Shape::kStep;
    unsigned char *tile = shared + stage * Shape::kStageBytes;
    left.begin(tile, k);
    copyTile<Factor, Shape::kColumns, Shape::kThreads>(tile + Shape::kLeftBytes, a.weight + column * a.weightStride + k, a.weightStride, columns,
                                                       static_cast<int>(a.depth) - k, thread);
  };
  WarpSums<Shape::kWarpRows, Shape::kWarpColumns> sums;
  sums.clear();
  const auto use = [&](int stage) {
    const unsigned char *tile = shared + stage * Shape::kStageBytes;
#pragma unroll
    for (int piece = 0; piece < Factor::kPieces; piece += 2)
      sums.template multiply<Factor, Factor>(tile, warpRow, tile + Shape::kLeftBytes, warpColumn, piece, lane);
  };
  const auto end = [&](int, int stage) { left.end(shared + stage * Shape::kStageBytes); };
  runPipeline<Shape::kStages>(static_cast<int>((a.depth + Shape::kStep - 1) / Shape::kStep), begin, use, end);

  finishWarp<Shape>(a.epilogue, sums, reinterpret_cast<float *>(shared + warp * Shape::kSumBytes), row + warpRow, column + warpColumn,
                    rows - warpRow, columns - warpColumn, lane);
}

template <class Shape, bool Rounded>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks) multiplyTile(const __grid_constant__ LinearArguments a) {
  RowsOfTile<Shape, Rounded> left(a, a.product.firstRow<Shape>(), static_cast<int>(threadIdx.x));
  multiplyAndFinish<Shape>(a.product, left);
}

}  // namespace incache::cuda::INCACHE_STORAGE
