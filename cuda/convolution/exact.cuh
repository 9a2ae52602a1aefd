// The convolution in float32 throughout: the product of linear/exact.cuh, with pixels for its left factor.
#pragma once
#include "../common/finishTile.cuh"
#include "../common/pipeline.cuh"
#include "../common/simt.cuh"
#include "../linear/tiles.h"
#include "pixels.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct ExactConvolutionArguments {
  Pixels pixels;
  bool xFours;
  Operand weight;
  int64_t columns;
  TileGrid grid;
  TileEpilogue epilogue;
};

// Elements k to k + 3 of the depth; `fours`: x allows them, and they are of one tap.
__device__ __forceinline__ Four readFilter(const Pixels &p, bool fours, const FilterPlace &place, int k) {
  Four v{};
  if (fours) {
    const Tap tap = tapOf(p, k);
    const int64_t row = seenRow(p, place, tap);
    return row < 0 ? v : readFour(p.x, row, tap.channel);
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const Tap tap = tapOf(p, k + j);
    const int64_t row = seenRow(p, place, tap);
    if (row >= 0) v.at[j] = p.x.read(row, tap.channel);
  }
  return v;
}

__global__ void __launch_bounds__(kSimtThreads, 4) convolveExactly(const __grid_constant__ ExactConvolutionArguments a) {
  float *shared = reinterpret_cast<float *>(sharedMemory());
  const int thread = static_cast<int>(threadIdx.x), own = thread / SimtFactor::kFoursAcross, first = thread % SimtFactor::kFoursAcross * 4;
  const int64_t row = a.grid.rowOf(blockIdx.x) * kSimtTile, column = a.grid.columnOf(blockIdx.x) * kSimtTile;
  const int rows = static_cast<int>(min(a.pixels.rows - row, int64_t{kSimtTile})), columns = static_cast<int>(min(a.columns - column, int64_t{kSimtTile}));
  FilterPlace places[SimtFactor::kCount];
#pragma unroll
  for (int i = 0; i < SimtFactor::kCount; i++) places[i] = placeOf(a.pixels, row + own + i * SimtFactor::kRowsApart);

  SimtFactor left, right;
  SimtSums sums;
  sums.clear();
  const auto begin = [&](int step, int) {
    const int k = step * kSimtStep;
#pragma unroll
    for (int i = 0; i < SimtFactor::kCount; i++) left.values[i] = readFilter(a.pixels, a.xFours, places[i], k + first);
    right.load(a.weight, true, column, k, columns, a.pixels.depth - k, thread);
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
  runPipeline<2>((a.pixels.depth + kSimtStep - 1) / kSimtStep, begin, use, end);

  sums.store(shared, thread);
  synchronizeBlock();
  finishTile<kSimtTile, kSimtTile, kSimtStride, kSimtThreads>(a.epilogue, shared, row, column, rows, columns, thread);
}

}  // namespace incache::cuda::INCACHE_STORAGE
