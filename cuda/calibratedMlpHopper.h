// A scattered MLP on sm_90a: fc1's correction, GELU and fc2's down product without the hidden layer leaving the registers.
#pragma once
#include <algorithm>

#include "calibrated/hiddenRows.h"
#include "common/launch.cuh"
#include "common/swizzle.h"

namespace incache::cuda::INCACHE_STORAGE {

// The hidden layer passes by 64 columns at a time.
constexpr int kMlpTileColumns = 64;

// Bytes of shared memory where Wb1 (x - C(x)) of a block's 128 rows stays, and of a stage: 128 x 64 of C(y1), 64 rows of Wa1 and
// 64 columns of Wb2.
INCACHE_HOST_DEVICE constexpr int mlpHiddenBytes(int ranks) { return 128 * ranks * 2; }
INCACHE_HOST_DEVICE constexpr int mlpMiddleStageBytes(int ranks) { return (128 + 2 * ranks) * kMlpTileColumns * 2; }
// Of the kernel that does all, which x and C(x) pass through as well.
constexpr int mlpStageBytes(int ranks) { return std::max(mlpMiddleStageBytes(ranks), (2 * 128 + ranks) * 64 * 2); }

// How the hidden layer is shared out among the blocks of a launch of `middle`: so many tiles a part, as few as give each
// multiprocessor a block, but no fewer than four, since every part writes sums of all ranks of fc2.
struct MlpParts {
  int tiles, parts;
};
inline MlpParts mlpParts(int64_t rows, int64_t hidden, int multiprocessors) {
  const int64_t blocks = divideUp(rows, 128), tiles = divideUp(hidden, kMlpTileColumns);
  const int64_t most = std::max<int64_t>(1, std::min(multiprocessors / blocks, tiles / 4));
  const int64_t ofPart = divideUp(tiles, most);
  return {static_cast<int>(ofPart), static_cast<int>(divideUp(tiles, ofPart))};
}

// Whether the hidden layer can pass through a kernel of sm_90a: it wants that chip, ranks up to 256 in Half, and C(y1) in Half with
// rows at multiples of 16 bytes.
bool takesMlpMiddleHopper(const BoundOp &b, const Chip &chip);
// Whether all can be done in one: it wants the same of x, C(x) and C(y2) too, and rows that give nearly every multiprocessor a block.
bool takesMlpHopper(const BoundOp &b, const Chip &chip);

// All of it in one kernel. False, and nothing is launched, where the driver has no tensor maps.
bool launchMlpHopper(const BoundOp &b, const LaunchContext &context);

// From the hidden values of fc1 to those of fc2, in parts of `to` (calibrated/split.cuh) where there is more than one. False as above.
bool launchMlpMiddleHopper(const BoundOp &b, const HiddenRows &from, const HiddenRows &to, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
