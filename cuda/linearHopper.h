// out = epilogue(x W^T + bias) on sm_90a: how the output is divided into tiles and shared memory into stages. Pure functions, for
// the kernel and for tests without a GPU.
#pragma once
#include "common/swizzle.h"
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// The depth passes by 64 at a time, through a ring of stages.
constexpr int kHopperDepth = 64, kHopperThreads = 384;
constexpr int hopperStageBytes(int rows, int columns) { return (rows + columns) * kHopperDepth * 2; }

// Places of tiles. Blocks take them in this order, as many at a time as there are multiprocessors: eight rows of tiles are
// walked column by column, so that the tiles under way make a compact rectangle and share what they read through the L2 cache.
struct HopperTiles {
  int rows, columns;
  static constexpr int kGroup = 8;

  INCACHE_HOST_DEVICE int count() const { return rows * columns; }
  struct Place {
    int row, column;
  };
  INCACHE_HOST_DEVICE Place at(int tile) const {
    const int group = tile / (kGroup * columns), first = group * kGroup;
    const int height = rows - first < kGroup ? rows - first : kGroup, within = tile - first * columns;
    return {first + within % height, within / height};
  }
};

struct HopperForm {
  // Of a tile: 128 rows of 64, 96, 128, 192 or 256 columns, or 64 rows of 64 or 96; 128 of 128 where they alternate.
  int rows, columns;
  bool alternates;  // the two warpgroups take tiles in turn, so that one finishes while the other multiplies
};
// As many steps of the depth take as long as finishing a tile.
constexpr int kFinishingSteps = 8;
// How long a step of the depth takes, in columns: what the products of a column of 128 rows take.
int64_t hopperStepTime(int64_t rows, int64_t columns);
HopperForm chooseHopperForm(int64_t rows, int64_t depth, int64_t columns, const Chip &chip);

// False, and nothing is launched, where this kernel does not take the operation: it wants sm_90, a Half weight, and x in
// Half with rows at multiples of 16 bytes.
bool launchLinearHopper(const BoundOp &b, const LaunchContext &context);
// In a given form, of an operation that it takes.
bool launchHopperForm(const HopperForm &form, const BoundOp &b, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
