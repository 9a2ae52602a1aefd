// out = epilogue(C(y) + Wa (Wb (x - C(x)))) on sm_90a, in one kernel that reads x and C(x) once for all pairs of factors.
#pragma once
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// What a block has at a time.
struct StackedBlock {
  // Panels: 64 ranks each of a pair; the pairs of a launch have as many in all.
  static constexpr int kRows = 64, kMostPanels = 8;
  // Two boxes of 64 x 64.
  static constexpr int kStageBytes = 2 * 64 * 64 * 2, kMostStages = 15;
  // h in shared memory, where each of the two warpgroups has so many panels.
  static constexpr int hiddenBytes(int panels) { return 2 * panels * kRows * 64 * 2; }
  // A block has all columns of its rows: whether they give a quarter of the multiprocessors a block.
  static bool suits(int64_t rows, int multiprocessors) { return rows > int64_t{kRows} * (multiprocessors / 4 - 1); }
};

// False, and nothing is launched, where this kernel does not take the operation: it wants sm_90 and Unproven::stacked, a few thousand rows, factors in Half of at most 512 ranks whose columns begin at multiples of 8, and x, C(x) and C(y) in
// Half with rows at multiples of 16 bytes.
bool launchCalibratedLinearStacked(const BoundOp &b, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
