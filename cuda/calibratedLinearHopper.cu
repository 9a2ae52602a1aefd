// A block takes 128 rows after 128 rows, a warpgroup 64 of them. For each pair of factors:
//   down  h = Wb (x - C(x)): the difference is taken in registers, which are the left factor of the products; sums are h
//   up    C(y) + Wa h, 64 columns at a time: h, rounded where it is, is the left factor
// One thread has the copy engine bring what both need, in the order that they need it, through one ring of stages.
#include "calibratedLinearHopper.h"

#include "common/finishFragments.cuh"
#include "common/stageRing.cuh"
#include "common/swizzle.h"
#include "common/tensorMap.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int kThreads = 384, kMostPairs = 4;
constexpr int kColumns = 64;

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
// Where the parts of a stage are.
constexpr int kBoxBytes = kCalibratedHopperRows * kBoxColumns * 2;
constexpr int kCachedAt = kBoxBytes, kWeightAt = 2 * kBoxBytes;

__device__ __forceinline__ int tilesOf(const Pair &pair) { return (pair.columns + kColumns - 1) / kColumns; }

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
#pragma unroll 1
      for (int step = 0; step < a.steps; step++, at.next()) {
        uint64_t *full = ring.beginFilling(at, Ranks * 128 + (a.inputForm ? 2 : 1) * kBoxBytes);
        copyBox(ring.at(at), &a.x, step * kBoxColumns, row, full);
        if (a.inputForm) copyBox(ring.at(at) + kCachedAt, &a.cachedInput, step * kBoxColumns, row, full);
        copyBox(ring.at(at) + kWeightAt, &pair.down, step * kBoxColumns, 0, full);
      }
#pragma unroll 1
      for (int tile = 0; tile < tilesOf(pair); tile++, at.next()) {
        uint64_t *full = ring.beginFilling(at, Ranks * 128 + kBoxBytes);
        copyBox(ring.at(at), &a.cachedOutput, pair.firstColumn + tile * kColumns, row, full);
#pragma unroll 1
        for (int k = 0; k < Ranks / kBoxColumns; k++)
          copyBox(ring.at(at) + kWeightAt + k * kColumns * 128, &pair.up, k * kBoxColumns, tile * kColumns, full);
      }
    }
  }
}

// x - C(x) of two values each, rounded to Half.
__device__ __forceinline__ uint32_t difference(uint32_t x, uint32_t cached) {
  return packHalf(lowOf(x) - lowOf(cached), highOf(x) - highOf(cached));
}

// What a thread of a warpgroup that multiplies knows of itself.
struct Self {
  int lane, row;  // `row`: of its warp's 16 among the block's 128
};

// 16 rows x 16 columns of x - C(x), or of x, as the left factor in registers.
__device__ __forceinline__ void loadIncrement(uint32_t (&left)[4], const unsigned char *stage, const Self &self, int k, bool inputForm) {
  using Tile = SwizzledTile<kBoxColumns>;
  const RowPiece at = leftFragment(self.lane);
  const int offset = Tile::offsetOf(self.row + at.row, 2 * k + at.piece);
  loadMatrix4(left, stage + offset);
  if (!inputForm) return;
  uint32_t cached[4];
  loadMatrix4(cached, stage + kCachedAt + offset);
#pragma unroll
  for (int i = 0; i < 4; i++) left[i] = difference(left[i], cached[i]);
}

// The sums of Wb (x - C(x)) for a warp's rows and all ranks.
template <int Ranks>
__device__ __forceinline__ void sumDown(float (&sums)[Ranks / 2], const Arguments &a, const Ring<Ranks> &ring, typename Ring<Ranks>::Place &at,
                                        const Self &self) {
#pragma unroll
  for (int i = 0; i < Ranks / 2; i++) sums[i] = 0;
#pragma unroll 1
  for (int step = 0; step < a.steps; step++, at.next()) {
    ring.waitUntilFull(at);
    uint32_t left[4][4];
#pragma unroll
    for (int k = 0; k < 4; k++) loadIncrement(left[k], ring.at(at), self, k, a.inputForm);
    const uint64_t right = describeSwizzled128(ring.at(at) + kWeightAt);
    beginProducts();
#pragma unroll
    for (int k = 0; k < 4; k++) Wgmma<Ranks>::registers(sums, left[k], right + 2 * k);
    commitProducts();
    // While one warpgroup waits here, the other takes its differences.
    waitProducts<0>();
    if (self.lane == 0) ring.release(at);
  }
  pinAccumulator(sums);
}

// The rank form: less what the cache has of Wb C(x).
template <int Ranks>
__device__ __forceinline__ void subtractCachedHidden(float (&sums)[Ranks / 2], const Arguments &a, const Pair &pair, int row, int lane) {
#pragma unroll
  for (int i = 0; i < Ranks / 2; i++) {
    const int own = row + lane / 4 + i % 4 / 2 * 8, rank = i / 4 * 8 + lane % 4 * 2 + i % 2;
    if (own < a.rows && rank < pair.ranks) sums[i] -= a.cachedHidden.read(own, pair.firstRank + rank);
  }
}

// A warp's rows of C(y), from a box in shared memory, as products leave their sums.
__device__ __forceinline__ void addCachedOutput(float (&sums)[kColumns / 2], const unsigned char *box, const Self &self) {
  using Tile = SwizzledTile<kBoxColumns>;
#pragma unroll
  for (int h = 0; h < 2; h++)
#pragma unroll
    for (int j = 0; j < kColumns / 8; j++) {
      const int offset = Tile::elementOffset(self.row + self.lane / 4 + 8 * h, 8 * j + self.lane % 4 * 2);
      const uint32_t word = *reinterpret_cast<const uint32_t *>(box + offset);
      sums[4 * j + 2 * h] += lowOf(word);
      sums[4 * j + 2 * h + 1] += highOf(word);
    }
}

template <int Ranks>
__device__ __forceinline__ void projectUp(const uint32_t (&hidden)[Ranks / 16][4], const Arguments &a, const Pair &pair, const Ring<Ranks> &ring,
                                          typename Ring<Ranks>::Place &at, int blockRow, const Self &self) {
#pragma unroll 1
  for (int tile = 0; tile < tilesOf(pair); tile++, at.next()) {
    float sums[kColumns / 2];
#pragma unroll
    for (int i = 0; i < kColumns / 2; i++) sums[i] = 0;
    ring.waitUntilFull(at);
    const uint64_t right = describeSwizzled128(ring.at(at) + kWeightAt);
    beginProducts();
#pragma unroll
    for (int k = 0; k < Ranks / 16; k++) Wgmma<kColumns>::registers(sums, hidden[k], right + k / 4 * (kColumns * 128 / 16) + k % 4 * 2);
    commitProducts();
    waitProducts<0>();
    pinAccumulator(sums);
    addCachedOutput(sums, ring.at(at), self);
    // Each lane has read C(y) by itself.
    synchronizeWarp();
    if (self.lane == 0) ring.release(at);
    finishFragments(a.epilogue, sums, blockRow + self.row, pair.firstColumn + tile * kColumns, a.rows, pair.firstColumn + pair.columns,
                    self.lane);
  }
}

template <int Ranks>
__device__ __forceinline__ void multiplyAll(const Arguments &a, const Ring<Ranks> &ring, int warpgroup) {
  typename Ring<Ranks>::Place at;
  const Self self{static_cast<int>(threadIdx.x) % 32, warpgroup * 64 + static_cast<int>(threadIdx.x) / 32 % 4 * 16};
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    const int row = block * kCalibratedHopperRows;
#pragma unroll 1
    for (int p = 0; p < a.pairCount; p++) {
      const Pair &pair = a.pairs[p];
      float sums[Ranks / 2];
      sumDown<Ranks>(sums, a, ring, at, self);
      if (!a.inputForm) subtractCachedHidden<Ranks>(sums, a, pair, row + self.row, self.lane);
      // Sums of 16 ranks lie as the left factor of the next product wants them.
      uint32_t hidden[Ranks / 16][4];
#pragma unroll
      for (int k = 0; k < Ranks / 16; k++)
#pragma unroll
        for (int i = 0; i < 4; i++) hidden[k][i] = packHalf(sums[8 * k + 2 * i], sums[8 * k + 2 * i + 1]);
      projectUp<Ranks>(hidden, a, pair, ring, at, row, self);
    }
  }
}

#endif

template <int Ranks>
__global__ void __launch_bounds__(kThreads, 1) calibratedLinearHopper(const __grid_constant__ Arguments a) {
#ifdef INCACHE_HOPPER
  const Ring<Ranks> ring(sharedMemory());
  if (threadIdx.x == 0) ring.initialize(2 * 4);
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

bool encodeBoxes(const Matrix &m, CUtensorMap &map) {
  return m.type == kHalfType && encodeTensorMap({m.at, m.rows, m.columns, m.stride, kCalibratedHopperRows, kBoxColumns}, map);
}
bool encodeBoxes(const Panels &w, int boxRows, CUtensorMap &map) {
  return w.type == kHalfType && encodeTensorMap({w.at, w.rows, w.depth, weightStride(w.depth), boxRows, kBoxColumns}, map);
}

// The pairs, with boxes of so many ranks.
bool encodePairs(const BoundOp &b, int ranks, Arguments &a) {
  int rank = 0, column = 0;
  for (const auto &[down, up] : b.factors) {
    Pair &pair = a.pairs[a.pairCount++];
    if (!encodeBoxes(down, ranks, pair.down) || !encodeBoxes(up, kColumns, pair.up)) return false;
    pair.ranks = static_cast<int>(down.rows);
    pair.columns = static_cast<int>(up.rows);
    pair.firstRank = rank;
    pair.firstColumn = column;
    rank += pair.ranks;
    column += pair.columns;
    // A pair that begins elsewhere has none of its fours at a multiple of four columns.
    if (column % 4 != 0 && a.pairCount < static_cast<int>(b.factors.size())) a.epilogue.fours = false;
  }
  return true;
}

template <int Ranks>
bool launchRanks(const BoundOp &b, const LaunchContext &context) {
  Arguments a{};
  a.epilogue = tileEpilogueOf(b);
  // C(y) comes through the ring.
  a.epilogue.e.cachedOutput = {};
  a.cachedHidden = operandOf(b.cachedHidden);
  a.inputForm = b.cachedInput.at != nullptr;
  a.rows = static_cast<int>(b.x.rows);
  a.steps = static_cast<int>(divideUp(b.x.columns, kBoxColumns));
  a.blocks = static_cast<int>(divideUp(b.x.rows, kCalibratedHopperRows));
  if (!encodeBoxes(b.x, a.x) || !encodeBoxes(b.cachedOutput, a.cachedOutput) || !encodePairs(b, Ranks, a)) return false;
  if (a.inputForm && !encodeBoxes(b.cachedInput, a.cachedInput)) return false;
  const int blocks = std::min(a.blocks, context.chip.multiprocessors);
  launch(calibratedLinearHopper<Ranks>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), ringBytes(calibratedStageBytes(Ranks)), context, a);
  return true;
}

int64_t largestRank(const BoundOp &b) {
  int64_t ranks = 0;
  for (const BoundPair &pair : b.factors) ranks = std::max(ranks, pair.down.rows);
  return ranks;
}

}  // namespace

bool launchCalibratedLinearHopper(const BoundOp &b, const LaunchContext &context) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (context.chip.computeCapability != 90 || context.chip.sharedBytes < kHopperShared) return false;
  if (!suitsCalibratedHopper(b.x.rows, context.chip.multiprocessors) || b.factors.size() > kMostPairs) return false;
  if (b.x.rows > kMost || b.x.columns > kMost || b.out.columns > kMost) return false;
  switch (divideUp(largestRank(b), kBoxColumns)) {
    case 1: return launchRanks<64>(b, context);
    case 2: return launchRanks<128>(b, context);
    case 3: return launchRanks<192>(b, context);
    case 4: return launchRanks<256>(b, context);
    default: return false;
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
