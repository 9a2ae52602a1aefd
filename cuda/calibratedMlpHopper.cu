// A block has 128 rows, and h1 = Wb1 (x - C(x)) of them in shared memory. For 64 columns of the hidden layer after the other, a
// warpgroup makes y1 = C(y1) + Wa1 h1 of its 64 rows, takes gelu(y1) - gelu(C(y1)) in the registers that held the sums, and has it
// there as the left factor of the product with Wb2, which adds to h2. Copies run as in calibrated/hopper.cuh.
//
// Where rows are many, one persistent kernel does all from x to out. Where they are fewer, the hidden layer is shared out: blocks have
// parts of it, whose h2 are added afterwards.
#include "calibratedMlpHopper.h"

#include "calibrated/geluDifference.cuh"
#include "calibrated/hopper.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

using namespace hopper;

// What the hidden layer needs.
struct MiddleMaps {
  CUtensorMap preActivation, up1, down2;
};

struct WholeArguments {
  CUtensorMap x, cachedInput, cachedOutput, down1, up2;
  MiddleMaps middle;
  TileEpilogue epilogue;
  Operand cachedHidden;
  bool inputForm;
  int rows, columns, ranks1, steps, tiles, blocks;
};

struct MiddleArguments {
  CUtensorMap hidden;
  MiddleMaps middle;
  HiddenRows to;
  int rows, tiles, tilesOfPart;
};

#ifdef INCACHE_HOPPER

template <int Ranks>
using WholeRing = StageRing<mlpStageBytes(Ranks), mlpHiddenBytes(Ranks)>;
template <int Ranks>
using MiddleRing = StageRing<mlpMiddleStageBytes(Ranks), mlpHiddenBytes(Ranks)>;
// Where the parts of a stage of the middle are.
constexpr int kUpWeightAt = kBoxBytes;
INCACHE_HOST_DEVICE constexpr int downWeightAt(int ranks) { return kUpWeightAt + ranks * 128; }

// By one thread: tiles [first, end) of the hidden layer.
template <int Ranks, class Ring>
__device__ __forceinline__ void copyMiddle(const MiddleMaps &maps, int row, int first, int end, const Ring &ring, typename Ring::Place &at) {
#pragma unroll 1
  for (int tile = first; tile < end; tile++, at.next()) {
    const int column = tile * kMlpTileColumns;
    uint64_t *full = ring.beginFilling(at, mlpMiddleStageBytes(Ranks));
    copyBox(ring.at(at), &maps.preActivation, column, row, full);
    copyUpWeight<Ranks>(ring.at(at) + kUpWeightAt, maps.up1, column, full);
    copyBox(ring.at(at) + downWeightAt(Ranks), &maps.down2, column, 0, full);
  }
}

// gelu(y1) - gelu(C(y1)) of 64 columns whose sums Wa1 h1 are known, as the left factor of the next product.
__device__ __forceinline__ void activate(uint32_t (&left)[kMlpTileColumns / 16][4], const float (&sums)[kMlpTileColumns / 2],
                                         const unsigned char *box, const Self &self) {
#pragma unroll
  for (int i = 0; i < kMlpTileColumns / 2; i += 2) {
    const uint32_t cached = cachedPair(box, self, i);
    const float low = lowOf(cached), high = highOf(cached);
    left[i / 8][i / 2 % 4] = packHalf(geluDifference(low + sums[i], low), geluDifference(high + sums[i + 1], high));
  }
}

// h2 of a warpgroup's rows over so many tiles. `hidden`: h1 of its rows, boxes of 64 ranks.
template <int Ranks, class Ring>
__device__ __forceinline__ void sumMiddle(float (&sums)[Ranks / 2], const unsigned char *hidden, int tiles, const Ring &ring,
                                          typename Ring::Place &at, const Self &self) {
  clear(sums);
  const uint64_t h1 = describeSwizzled128(hidden);
#pragma unroll 1
  for (int tile = 0; tile < tiles; tile++, at.next()) {
    float y1[kMlpTileColumns / 2];
    clear(y1);
    ring.waitUntilFull(at);
    const uint64_t up = describeSwizzled128(ring.at(at) + kUpWeightAt), down = describeSwizzled128(ring.at(at) + downWeightAt(Ranks));
    beginProducts();
#pragma unroll
    for (int k = 0; k < Ranks / 16; k++) Wgmma<kMlpTileColumns>::shared(y1, h1 + k / 4 * (kBoxBytes / 16) + k % 4 * 2, up + upWeightOffset(k));
    commitProducts();
    waitProducts<0>();
    pinAccumulator(y1);
    uint32_t left[kMlpTileColumns / 16][4];
    activate(left, y1, ring.at(at), self);
    beginProducts();
#pragma unroll
    for (int k = 0; k < kMlpTileColumns / 16; k++) Wgmma<Ranks>::registers(sums, left[k], down + 2 * k);
    commitProducts();
    // While one warpgroup waits for its products, the other takes its activations.
    waitProducts<0>();
    if (self.lane == 0) ring.release(at);
  }
  pinAccumulator(sums);
}

// Sums of all ranks to where products find them as a left factor, by a warpgroup that has its rows to itself.
template <int Ranks>
__device__ __forceinline__ void keepHidden(const float (&sums)[Ranks / 2], unsigned char *hidden, const Self &self, int warpgroup) {
  using Tile = SwizzledTile<kBoxColumns>;
  // The products of the block before may still read in other warps.
  synchronizeSome(1 + warpgroup, 128);
  // Boxes and rows eight further have a piece at the same place: piece after piece, so that few addresses are needed at a time.
#pragma unroll
  for (int piece = 0; piece < Tile::kPieces; piece++) {
    unsigned char *at = hidden + Tile::elementOffset(self.row + self.lane / 4, piece * kPieceElements + self.lane % 4 * 2);
#pragma unroll
    for (int box = 0; box < Ranks / kBoxColumns; box++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        const int i = (box * Tile::kPieces + piece) * 4 + 2 * h;
        *reinterpret_cast<uint32_t *>(at + box * kBoxBytes + h * 8 * Tile::kRowBytes) = packHalf(sums[i], sums[i + 1]);
      }
  }
  publishShared();
  synchronizeSome(1 + warpgroup, 128);
}

// ---- All in one kernel ---------------------------------------------------------------------------------------------------

__device__ __forceinline__ UpPlace upPlaceOf(const WholeArguments &a, int row) { return {row, a.rows, 0, a.columns}; }

template <int Ranks>
__device__ __forceinline__ void copyWhole(const WholeArguments &a, const WholeRing<Ranks> &ring) {
  typename WholeRing<Ranks>::Place at;
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    const int row = block * kCalibratedHopperRows;
    copyDown<Ranks>({&a.x, &a.cachedInput, a.inputForm}, a.down1, row, a.steps, ring, at);
    copyMiddle<Ranks>(a.middle, row, 0, a.tiles, ring, at);
    copyUp<Ranks>(a.cachedOutput, a.up2, 0, row, upPlaceOf(a, row).tiles(), ring, at);
  }
}

template <int Ranks>
__device__ __forceinline__ void multiplyWhole(const WholeArguments &a, const WholeRing<Ranks> &ring, unsigned char *hidden, int warpgroup) {
  typename WholeRing<Ranks>::Place at;
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    const int row = block * kCalibratedHopperRows;
    // Kept from block to block, what follows from these would leave 256 ranks too few registers.
    const Self self = selfOf(warpgroup, unknown(static_cast<int>(threadIdx.x)));
    float sums[Ranks / 2];
    sumDown<Ranks>(sums, a.steps, a.inputForm, ring, at, self);
    if (!a.inputForm) subtractCachedHidden<Ranks>(sums, a.cachedHidden, a.rows, 0, a.ranks1, row + self.row, self.lane);
    keepHidden<Ranks>(sums, hidden, self, warpgroup);
    sumMiddle<Ranks>(sums, hidden + warpgroup * 64 * 128, a.tiles, ring, at, self);
    uint32_t h2[Ranks / 16][4];
    packLeft(h2, sums);
    projectUp<Ranks>(h2, a.epilogue, upPlaceOf(a, row), ring, at, self);
  }
}

// ---- The middle alone ----------------------------------------------------------------------------------------------------

// A part's h2 of a block's rows. Columns that fill rows to a multiple of eight are 0.
template <int Ranks>
__device__ __forceinline__ void writeHidden(const float (&sums)[Ranks / 2], const HiddenRows &to, int part, int rows, int row, const Self &self) {
#pragma unroll
  for (int i = 0; i < Ranks / 2; i += 2) {
    const int own = row + self.row + rowOfSum(i, self.lane), rank = columnOfSum(i, self.lane);
    if (own >= rows || rank >= to.columns) continue;
    if (to.parts) {
      const int64_t place = (static_cast<int64_t>(part) * rows + own) * to.columns + rank;
      *reinterpret_cast<float2 *>(to.parts + place) = make_float2(sums[i], sums[i + 1]);
    } else {
      *reinterpret_cast<uint32_t *>(to.values + static_cast<int64_t>(own) * to.columns + rank) = packHalf(sums[i], sums[i + 1]);
    }
  }
}

struct MiddleShare {
  int row, part, first, end;
};
__device__ __forceinline__ MiddleShare middleShareOf(const MiddleArguments &a) {
  const int part = static_cast<int>(blockIdx.y), first = part * a.tilesOfPart;
  return {static_cast<int>(blockIdx.x) * kCalibratedHopperRows, part, first, min(first + a.tilesOfPart, a.tiles)};
}

#endif

template <int Ranks>
__global__ void __launch_bounds__(kThreads, 1) mlpHopper(const __grid_constant__ WholeArguments a) {
#ifdef INCACHE_HOPPER
  unsigned char *hidden = sharedMemory();
  const WholeRing<Ranks> ring(hidden + mlpHiddenBytes(Ranks));
  if (threadIdx.x == 0) ring.initialize(kReadingWarps);
  synchronizeBlock();
  // The same in all lanes, and known to the compiler as such.
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 2) {
    shrinkRegisters<40>();
    if (threadIdx.x == 256) copyWhole<Ranks>(a, ring);
  } else {
    growRegisters<232>();
    multiplyWhole<Ranks>(a, ring, hidden, warpgroup);
  }
#endif
}

template <int Ranks>
__global__ void __launch_bounds__(kThreads, 1) mlpMiddleHopper(const __grid_constant__ MiddleArguments a) {
#ifdef INCACHE_HOPPER
  unsigned char *hidden = sharedMemory();
  const MiddleRing<Ranks> ring(hidden + mlpHiddenBytes(Ranks));
  uint64_t *hiddenFull = ring.furtherBarrier(0);
  if (threadIdx.x == 0) {
    initBarrier(hiddenFull, 1);
    ring.initialize(kReadingWarps);
  }
  synchronizeBlock();
  const MiddleShare share = middleShareOf(a);
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 2) {
    shrinkRegisters<40>();
    if (threadIdx.x == 256) {
      arriveExpecting(hiddenFull, mlpHiddenBytes(Ranks));
      for (int k = 0; k < Ranks / kBoxColumns; k++) copyBox(hidden + k * kBoxBytes, &a.hidden, k * kBoxColumns, share.row, hiddenFull);
      typename MiddleRing<Ranks>::Place at;
      copyMiddle<Ranks>(a.middle, share.row, share.first, share.end, ring, at);
    }
  } else {
    growRegisters<232>();
    typename MiddleRing<Ranks>::Place at;
    const Self self = selfOf(warpgroup, static_cast<int>(threadIdx.x));
    float sums[Ranks / 2];
    waitFor(hiddenFull, 0);
    sumMiddle<Ranks>(sums, hidden + warpgroup * 64 * 128, share.end - share.first, ring, at, self);
    writeHidden<Ranks>(sums, a.to, share.part, a.rows, share.row, self);
  }
#endif
}

bool encodeMiddle(const BoundOp &b, int ranks, MiddleMaps &maps) {
  return encodeBoxes(b.cachedPreActivation, kCalibratedHopperRows, maps.preActivation) &&
         encodeBoxes(b.factors[0].up, kMlpTileColumns, maps.up1) && encodeBoxes(b.factors[1].down, ranks, maps.down2);
}

int tilesOf(const BoundOp &b) { return static_cast<int>(divideUp(b.cachedPreActivation.columns, kMlpTileColumns)); }

template <int Ranks>
bool launchWhole(const BoundOp &b, const LaunchContext &context) {
  WholeArguments a{};
  a.columns = static_cast<int>(b.out.columns);
  a.ranks1 = static_cast<int>(b.factors[0].down.rows);
  a.tiles = tilesOf(b);
  if (!encodeOperands(b, kCalibratedHopperRows, a) || !encodeMiddle(b, Ranks, a.middle)) return false;
  if (!encodeBoxes(b.factors[0].down, Ranks, a.down1) || !encodeBoxes(b.factors[1].up, kColumns, a.up2)) return false;
  const int blocks = std::min(a.blocks, context.chip.multiprocessors);
  const int64_t shared = mlpHiddenBytes(Ranks) + ringBytes(mlpStageBytes(Ranks), mlpHiddenBytes(Ranks));
  launch(mlpHopper<Ranks>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), shared, context, a);
  return true;
}

template <int Ranks>
bool launchMiddle(const BoundOp &b, const HiddenRows &from, const HiddenRows &to, const LaunchContext &context) {
  const MlpParts parts = mlpParts(b.x.rows, b.cachedPreActivation.columns, context.chip.multiprocessors);
  MiddleArguments a{{}, {}, to, static_cast<int>(b.x.rows), tilesOf(b), parts.tiles};
  const Matrix hidden{from.values, from.columns, b.x.rows, from.columns, kHalfType};
  if (!encodeBoxes(hidden, kCalibratedHopperRows, a.hidden) || !encodeMiddle(b, Ranks, a.middle)) return false;
  const dim3 grid(static_cast<unsigned>(divideUp(b.x.rows, kCalibratedHopperRows)), static_cast<unsigned>(parts.parts));
  const int64_t shared = mlpHiddenBytes(Ranks) + ringBytes(mlpMiddleStageBytes(Ranks), mlpHiddenBytes(Ranks));
  launch(mlpMiddleHopper<Ranks>, grid, dim3(kThreads), shared, context, a);
  return true;
}

constexpr int64_t kMost = int64_t{1} << 30;

bool fitsBoxes(const Matrix &m) {
  return m.type == kHalfType && fitsTensorMap({m.at, m.rows, m.columns, m.stride, kCalibratedHopperRows, kBoxColumns});
}

}  // namespace

bool takesMlpMiddleHopper(const BoundOp &b, const Chip &chip) {
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (chip.computeCapability != 90 || chip.sharedBytes < kHopperShared || largestRank(b) > 256) return false;
  for (const BoundPair &pair : b.factors)
    if (pair.down.type != kHalfType || pair.up.type != kHalfType) return false;
  return b.x.rows <= kMost && b.cachedPreActivation.columns <= kMost && fitsBoxes(b.cachedPreActivation);
}

bool takesMlpHopper(const BoundOp &b, const Chip &chip) {
  if (!takesMlpMiddleHopper(b, chip) || !suitsCalibratedHopper(b.x.rows, chip.multiprocessors)) return false;
  if (b.x.columns > kMost || b.out.columns > kMost) return false;
  return fitsBoxes(b.x) && (!b.cachedInput.at || fitsBoxes(b.cachedInput)) && fitsBoxes(b.cachedOutput);
}

bool launchMlpHopper(const BoundOp &b, const LaunchContext &context) {
  return withRanks(largestRank(b), [&](auto ranks) { return launchWhole<decltype(ranks)::value>(b, context); });
}

bool launchMlpMiddleHopper(const BoundOp &b, const HiddenRows &from, const HiddenRows &to, const LaunchContext &context) {
  return withRanks(largestRank(b), [&](auto ranks) { return launchMiddle<decltype(ranks)::value>(b, from, to, context); });
}

}  // namespace incache::cuda::INCACHE_STORAGE
