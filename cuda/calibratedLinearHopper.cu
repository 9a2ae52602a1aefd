// For each pair of factors, down and up follow each other (calibrated/hopper.cuh): the sums of the one become the left factor of the
// other within the registers. Blocks are persistent: they take 128 rows after 128 rows.
#include "calibratedLinearHopper.h"

#include "calibrated/hopper.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

using namespace hopper;

constexpr int kMostPairs = 4;

struct Pair {
  CUtensorMap down, up;
  int ranks, columns;
  int firstRank, firstColumn;  // in the rank form's cache, and in the output
};

struct Arguments {
  CUtensorMap x, cachedInput, cachedOutput;
  Pair pairs[kMostPairs];
  TileEpilogue epilogue;
  Operand cachedHidden;
  bool inputForm;
  int rows, steps, blocks, pairCount;
};

#ifdef INCACHE_HOPPER

template <int Ranks>
using Ring = StageRing<calibratedStageBytes(Ranks)>;

__device__ __forceinline__ UpPlace upPlaceOf(const Arguments &a, const Pair &pair, int row) {
  return {row, a.rows, pair.firstColumn, pair.firstColumn + pair.columns};
}

// By one thread.
template <int Ranks>
__device__ __forceinline__ void copyAll(const Arguments &a, const Ring<Ranks> &ring) {
  typename Ring<Ranks>::Place at;
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    const int row = block * kCalibratedHopperRows;
#pragma unroll 1
    for (int p = 0; p < a.pairCount; p++) {
      const Pair &pair = a.pairs[p];
      copyDown<Ranks>({&a.x, &a.cachedInput, a.inputForm}, pair.down, row, a.steps, ring, at);
      copyUp<Ranks>(a.cachedOutput, pair.up, pair.firstColumn, row, upPlaceOf(a, pair, row).tiles(), ring, at);
    }
  }
}

template <int Ranks>
__device__ __forceinline__ void multiplyAll(const Arguments &a, const Ring<Ranks> &ring, int warpgroup) {
  typename Ring<Ranks>::Place at;
  const Self self = selfOf(warpgroup, static_cast<int>(threadIdx.x));
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    const int row = block * kCalibratedHopperRows;
#pragma unroll 1
    for (int p = 0; p < a.pairCount; p++) {
      const Pair &pair = a.pairs[p];
      float sums[Ranks / 2];
      sumDown<Ranks>(sums, a.steps, a.inputForm, ring, at, self);
      if (!a.inputForm) subtractCachedHidden<Ranks>(sums, a.cachedHidden, a.rows, pair.firstRank, pair.ranks, row + self.row, self.lane);
      uint32_t hidden[Ranks / 16][4];
      packLeft(hidden, sums);
      projectUp<Ranks>(hidden, a.epilogue, upPlaceOf(a, pair, row), ring, at, self);
    }
  }
}

#endif

template <int Ranks>
__global__ void __launch_bounds__(kThreads, 1) calibratedLinearHopper(const __grid_constant__ Arguments a) {
#ifdef INCACHE_HOPPER
  const Ring<Ranks> ring(sharedMemory());
  if (threadIdx.x == 0) ring.initialize(kReadingWarps);
  synchronizeBlock();
  // The same in all lanes, and known to the compiler as such.
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 2) {
    shrinkRegisters<40>();
    if (threadIdx.x == 256) copyAll<Ranks>(a, ring);
  } else {
    growRegisters<232>();
    multiplyAll<Ranks>(a, ring, warpgroup);
  }
#endif
}

// The pairs, with boxes of so many ranks. False where one does not suit.
bool encodePairs(const BoundOp &b, int ranks, Arguments &a) {
  int rank = 0, column = 0;
  for (const auto &[down, up] : b.factors) {
    // The copy engine wants columns of C(y) at multiples of 16 bytes.
    if (column % 8 != 0) return false;
    Pair &pair = a.pairs[a.pairCount++];
    if (!encodeBoxes(down, ranks, pair.down) || !encodeBoxes(up, kColumns, pair.up)) return false;
    pair.ranks = static_cast<int>(down.rows);
    pair.columns = static_cast<int>(up.rows);
    pair.firstRank = rank;
    pair.firstColumn = column;
    rank += pair.ranks;
    column += pair.columns;
  }
  return true;
}

template <int Ranks>
bool launchRanks(const BoundOp &b, const LaunchContext &context) {
  Arguments a{};
  if (!encodeOperands(b, kCalibratedHopperRows, a) || !encodePairs(b, Ranks, a)) return false;
  const int blocks = std::min(a.blocks, context.chip.multiprocessors);
  launch(calibratedLinearHopper<Ranks>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), ringBytes(calibratedStageBytes(Ranks)), context, a);
  return true;
}

}  // namespace

bool launchCalibratedLinearHopper(const BoundOp &b, const LaunchContext &context) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (context.chip.computeCapability != 90 || context.chip.sharedBytes < kHopperShared || !context.chip.unproven.wide) return false;
  if (!suitsCalibratedHopper(b.x.rows, context.chip.multiprocessors) || b.factors.size() > kMostPairs) return false;
  if (b.x.rows > kMost || b.x.columns > kMost || b.out.columns > kMost) return false;
  return withRanks(largestRank(b), [&](auto ranks) { return launchRanks<decltype(ranks)::value>(b, context); });
}

}  // namespace incache::cuda::INCACHE_STORAGE
