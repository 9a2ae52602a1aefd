// out = epilogue(x W^T + bias) in float32 throughout, for float32 weights.
#pragma once
#include "../common/finishTile.cuh"
#include "../common/pipeline.cuh"
#include "../common/simt.cuh"
#include "tiles.h"

namespace incache::cuda::INCACHE_STORAGE {

struct ExactArguments {
  Operand x, weight;
  bool xFours;
  int64_t rows, columns, depth;
  TileGrid grid;
  TileEpilogue epilogue;
};
constexpr int kExactShared = 2 * 2 * kSimtFactorFloats * 4;

__global__ void __launch_bounds__(kSimtThreads, 4) multiplyExactly(const __grid_constant__ ExactArguments a) {
  float *shared = reinterpret_cast<float *>(sharedMemory());
  const int thread = static_cast<int>(threadIdx.x), depth = static_cast<int>(a.depth);
  const int64_t row = a.grid.rowOf(blockIdx.x) * kSimtTile, column = a.grid.columnOf(blockIdx.x) * kSimtTile;
  const int rows = static_cast<int>(min(a.rows - row, int64_t{kSimtTile})), columns = static_cast<int>(min(a.columns - column, int64_t{kSimtTile}));

  SimtFactor left, right;
  SimtSums sums;
  sums.clear();
  const auto begin = [&](int step, int) {
    const int k = step * kSimtStep;
    left.load(a.x, a.xFours, row, k, rows, depth - k, thread);
    right.load(a.weight, true, column, k, columns, depth - k, thread);
  };
  const auto use = [&](int stage) {
    const float *factors = shared + stage * 2 * kSimtFactorFloats;
    sums.multiply(factors, factors + kSimtFactorFloats, thread);
  };
  const auto end = [&](int, int stage) {
    float *factors = shared + stage * 2 * kSimtFactorFloats;
    left.store(factors, thread);
    right.store(factors + kSimtFactorFloats, thread);
  };
  runPipeline<2>(static_cast<int>((a.depth + kSimtStep - 1) / kSimtStep), begin, use, end);

  sums.store(shared, thread);
  synchronizeBlock();
  finishTile<kSimtTile, kSimtTile, kSimtStride, kSimtThreads>(a.epilogue, shared, row, column, rows, columns, thread);
}

}  // namespace incache::cuda::INCACHE_STORAGE
