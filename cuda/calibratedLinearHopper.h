// out = epilogue(C(y) + Wa (Wb (x - C(x)))) on sm_90a, in one kernel: nothing between x and out leaves the registers.
#pragma once
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// Rows of a block.
constexpr int kCalibratedHopperRows = 128;

// A block has all columns of its rows, so that this form needs many rows: whether they give three quarters of the multiprocessors
// a block.
inline bool suitsCalibratedHopper(int64_t rows, int multiprocessors) {
  return rows > int64_t{kCalibratedHopperRows} * (multiprocessors * 3 / 4 - 1);
}

// Bytes of a stage: boxes of 128 x 64 of x (later of C(y)) and of C(x), and 64 columns of Wb (later 64 rows of Wa).
constexpr int calibratedStageBytes(int ranks) { return 2 * kCalibratedHopperRows * 64 * 2 + ranks * 64 * 2; }

// False, and nothing is launched, where this kernel does not take the operation: it wants sm_90, many rows, at most four pairs of at
// most 256 ranks in Half, and x, C(x) and C(y) in Half with rows at multiples of 16 bytes.
bool launchCalibratedLinearHopper(const BoundOp &b, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
