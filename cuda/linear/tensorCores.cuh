// out = epilogue(x W^T + bias) with a Half weight: a tile of the output a block, on the tensor cores of sm_80 and later.
#pragma once
#include "../common/copyTile.cuh"
#include "../common/finishTile.cuh"
#include "../common/mma.cuh"
#include "../common/pipeline.cuh"
#include "tiles.h"

namespace incache::cuda::INCACHE_STORAGE {

struct LinearArguments {
  Operand x;
  bool xFours;
  const Half *weight;
  int64_t weightStride, rows, columns, depth;
  TileGrid grid;
  TileEpilogue epilogue;
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

// Rounded: x is float32, or not aligned for copies of 16 bytes, and is rounded to Half on its way.
template <class Shape, bool Rounded>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks) multiplyTile(const __grid_constant__ LinearArguments a) {
  using Factor = typename Shape::Factor;
  unsigned char *shared = sharedMemory();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warp = thread / 32;
  const int64_t row = a.grid.rowOf(blockIdx.x) * Shape::kRows, column = a.grid.columnOf(blockIdx.x) * Shape::kColumns;
  const int rows = static_cast<int>(min(a.rows - row, int64_t{Shape::kRows}));
  const int columns = static_cast<int>(min(a.columns - column, int64_t{Shape::kColumns}));
  const int warpRow = warp / Shape::kWarpsAcross * Shape::kWarpRows, warpColumn = warp % Shape::kWarpsAcross * Shape::kWarpColumns;
  const int depth = static_cast<int>(a.depth);

  RoundedTile<Factor, Shape::kRows, Shape::kThreads> rounded;
  const auto begin = [&](int step, int stage) {
    const int k = step * Shape::kStep;
    unsigned char *left = shared + stage * Shape::kStageBytes;
    if (Rounded)
      rounded.load(a.x, a.xFours, row, k, rows, depth - k, thread);
    else
      copyTile<Factor, Shape::kRows, Shape::kThreads>(left, static_cast<const Half *>(a.x.at) + row * a.x.stride + k, a.x.stride, rows,
                                                      depth - k, thread);
    copyTile<Factor, Shape::kColumns, Shape::kThreads>(left + Shape::kLeftBytes, a.weight + column * a.weightStride + k, a.weightStride, columns,
                                                       depth - k, thread);
  };
  WarpSums<Shape::kWarpRows, Shape::kWarpColumns> sums;
  sums.clear();
  const auto use = [&](int stage) {
    const unsigned char *left = shared + stage * Shape::kStageBytes;
#pragma unroll
    for (int piece = 0; piece < Factor::kPieces; piece += 2)
      sums.template multiply<Factor, Factor>(left, warpRow, left + Shape::kLeftBytes, warpColumn, piece, lane);
  };
  const auto end = [&](int, int stage) {
    if (Rounded) rounded.store(shared + stage * Shape::kStageBytes, thread);
  };
  runPipeline<Shape::kStages>(static_cast<int>((a.depth + Shape::kStep - 1) / Shape::kStep), begin, use, end);

  finishWarp<Shape>(a.epilogue, sums, reinterpret_cast<float *>(shared + warp * Shape::kSumBytes), row + warpRow, column + warpColumn,
                    rows - warpRow, columns - warpColumn, lane);
}

}  // namespace incache::cuda::INCACHE_STORAGE
