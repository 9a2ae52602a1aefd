// A block has 64 rows, and x - C(x) of them passes once for several pairs of factors, of which the ranks are stacked:
//   down  h = Wb (x - C(x)): each of two warpgroups has half of the ranks; differences, in registers, are the left factor
//   up    C(y) + Wa h, 128 columns at a time: each warpgroup has 64 of them; h of all ranks, in shared memory, is the left factor
// Ranks are stacked in panels of 64, each of one pair. One thread has the copy engine bring everything, in the order that it is needed
// in, through a ring of stages of two boxes: x and C(x); or a panel of Wb, 64 columns of C(y), 64 rows of Wa for either warpgroup.
// Blocks are persistent: the next rows arrive while the last columns are finished.
#include "calibratedLinearStacked.h"

#include <vector>

#include "calibrated/hopper.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

using namespace hopper;

using Block = StackedBlock;
constexpr int kRows = Block::kRows, kBox = Block::kStageBytes / 2;
// Columns of the output that are made at a time.
constexpr int kTile = 2 * kColumns;

struct Pair {
  CUtensorMap down, up;
  int columns, firstColumn;  // of the output
  int panels, firstPanel;
};

struct Panel {
  int pair, firstRank;  // of the pair
  int ranks;            // that there are of 64, and where the rank form's cache has the first
  int firstCached;
};

struct Arguments {
  CUtensorMap x, cachedInput, cachedOutput;
  Pair pairs[Block::kMostPanels];
  Panel panels[Block::kMostPanels];
  TileEpilogue epilogue;
  Operand cachedHidden;
  bool inputForm;
  int rows, steps, blocks, pairCount, panelCount;
};

#ifdef INCACHE_HOPPER

// Panels: of a warpgroup.
template <int Panels>
constexpr int kHiddenBytes = Block::hiddenBytes(Panels);
template <int Panels>
using Ring = StageRing<Block::kStageBytes, kHiddenBytes<Panels>, Block::kMostStages>;

INCACHE_HOST_DEVICE int tilesOf(const Pair &pair) { return (pair.columns + kTile - 1) / kTile; }

// ---- By the thread that copies -------------------------------------------------------------------------------------------

template <class Ring>
__device__ __forceinline__ void copyDown(const Arguments &a, int row, const Ring &ring, typename Ring::Place &at) {
#pragma unroll 1
  for (int step = 0; step < a.steps; step++) {
    const int column = step * kBoxColumns;
    uint64_t *full = ring.beginFilling(at, a.inputForm ? 2 * kBox : kBox);
    copyBox(ring.at(at), &a.x, column, row, full);
    if (a.inputForm) copyBox(ring.at(at) + kBox, &a.cachedInput, column, row, full);
    at.next();
#pragma unroll 1
    for (int first = 0; first < a.panelCount; first += 2, at.next()) {
      const int end = min(first + 2, a.panelCount);
      full = ring.beginFilling(at, (end - first) * kBox);
#pragma unroll 1
      for (int i = first; i < end; i++)
        copyBox(ring.at(at) + (i - first) * kBox, &a.pairs[a.panels[i].pair].down, column, a.panels[i].firstRank, full);
    }
  }
}

template <class Ring>
__device__ __forceinline__ void copyUp(const Arguments &a, const Pair &pair, int row, const Ring &ring, typename Ring::Place &at) {
#pragma unroll 1
  for (int tile = 0; tile < tilesOf(pair); tile++) {
#pragma unroll 1
    for (int k = 0; k < pair.panels; k++, at.next()) {
      // A box of 128 rows of Wa.
      uint64_t *full = ring.beginFilling(at, 2 * kBox);
      copyBox(ring.at(at), &pair.up, k * kBoxColumns, tile * kTile, full);
    }
    const int column = pair.firstColumn + tile * kTile;
    uint64_t *full = ring.beginFilling(at, 2 * kBox);
    copyBox(ring.at(at), &a.cachedOutput, column, row, full);
    copyBox(ring.at(at) + kBox, &a.cachedOutput, column + kColumns, row, full);
    at.next();
  }
}

template <class Ring>
__device__ __forceinline__ void copyAll(const Arguments &a, const Ring &ring) {
  typename Ring::Place at;
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    copyDown(a, block * kRows, ring, at);
#pragma unroll 1
    for (int p = 0; p < a.pairCount; p++) copyUp(a, a.pairs[p], block * kRows, ring, at);
  }
}

// ---- By the warpgroups that multiply ---------------------------------------------------------------------------------------

// The next `stages` of the ring have been read.
template <class Ring>
__device__ __forceinline__ void releaseStages(const Ring &ring, typename Ring::Place at, int stages, const Self &self) {
#pragma unroll 1
  for (int i = 0; i < stages; i++, at.next())
    if (self.lane == 0) ring.release(at);
}

// A warp's 16 rows of a box as the left factor in registers, 16 columns after 16 columns.
__device__ __forceinline__ void loadLeft(uint32_t (&left)[4][4], const unsigned char *box, const Self &self) {
  using Tile = SwizzledTile<kBoxColumns>;
  const RowPiece at = leftFragment(self.lane);
#pragma unroll
  for (int k = 0; k < 4; k++) loadMatrix4(left[k], box + Tile::offsetOf(self.row + at.row, 2 * k + at.piece));
}

// The same of x - C(x); of x where `cachedBox` is null. All loads come before the first difference waits for one.
__device__ __forceinline__ void loadIncrements(uint32_t (&left)[4][4], const unsigned char *box, const unsigned char *cachedBox, const Self &self) {
  loadLeft(left, box, self);
  if (!cachedBox) return;
  uint32_t cached[4][4];
  loadLeft(cached, cachedBox, self);
#pragma unroll
  for (int k = 0; k < 4; k++)
#pragma unroll
    for (int i = 0; i < 4; i++) left[k][i] = difference(left[k][i], cached[k][i]);
}

// x - C(x) of a warp's 16 rows and 64 columns, of the next stage.
template <class Ring>
__device__ __forceinline__ void takeIncrements(uint32_t (&left)[4][4], const Arguments &a, const Ring &ring, typename Ring::Place &at,
                                               const Self &self) {
  ring.waitUntilFull(at);
  const unsigned char *x = ring.at(at);
  loadIncrements(left, x, a.inputForm ? x + kBox : nullptr, self);
  synchronizeWarp();
  releaseStages(ring, at, 1, self);
  at.next();
}

// The sums of Wb (x - C(x)) for a warp's rows and a warpgroup's panels.
template <int Panels>
__device__ __forceinline__ void sumDown(float (&sums)[Panels][32], const Arguments &a, const Ring<Panels> &ring,
                                        typename Ring<Panels>::Place &at, const Self &self, int warpgroup) {
#pragma unroll
  for (int i = 0; i < Panels; i++) clear(sums[i]);
  uint32_t left[4][4];
  takeIncrements(left, a, ring, at, self);
#pragma unroll 1
  for (int step = 0; step < a.steps; step++) {
    const typename Ring<Panels>::Place weights = at;
#pragma unroll
    for (int i = 0; i < Panels; i++, at.next()) {
      ring.waitUntilFull(at);
      const uint64_t right = describeSwizzled128(ring.at(at) + warpgroup * kBox);
      beginProducts();
#pragma unroll
      for (int k = 0; k < 4; k++) Wgmma<64>::registers(sums[i], left[k], right + 2 * k);
      commitProducts();
    }
    // Beside the products, the next differences.
    uint32_t next[4][4];
    if (step + 1 < a.steps) takeIncrements(next, a, ring, at, self);
    waitProducts<0>();
    pinLeft(left);
    releaseStages(ring, weights, Panels, self);
#pragma unroll
    for (int i = 0; i < 16; i++) left[i / 4][i % 4] = next[i / 4][i % 4];
  }
#pragma unroll
  for (int i = 0; i < Panels; i++) pinAccumulator(sums[i]);
}

// A panel's h to where products find it as a left factor. Its cached half of the rank form is taken off first.
__device__ __forceinline__ void keepPanel(float (&sums)[32], const Arguments &a, const Panel &panel, unsigned char *to, int row, const Self &self) {
  using Tile = SwizzledTile<kBoxColumns>;
  if (!a.inputForm) subtractCachedHidden<64>(sums, a.cachedHidden, a.rows, panel.firstCached, panel.ranks, row + self.row, self.lane);
#pragma unroll
  for (int i = 0; i < 32; i += 2)
    *reinterpret_cast<uint32_t *>(to + Tile::elementOffset(self.row + rowOfSum(i, self.lane), columnOfSum(i, self.lane))) =
        packHalf(sums[i], sums[i + 1]);
}

// A warpgroup's columns of the output.
template <class Ring>
__device__ __forceinline__ void projectUp(const Arguments &a, const Pair &pair, const unsigned char *hidden, int row, const Ring &ring,
                                          typename Ring::Place &at, const Self &self, int warpgroup) {
  const int endColumn = pair.firstColumn + pair.columns;
  const uint64_t h = describeSwizzled128(hidden + pair.firstPanel * kBox);
  int column = pair.firstColumn + warpgroup * kColumns;
  prefetchResidual<kColumns>(a.epilogue.e, row + self.row, column, a.rows, endColumn, self.lane);
#pragma unroll 1
  for (int tile = 0; tile < tilesOf(pair); tile++, column += kTile) {
    prefetchResidual<kColumns>(a.epilogue.e, row + self.row, column + kTile, a.rows, endColumn, self.lane);
    float sums[kColumns / 2];
    clear(sums);
    const typename Ring::Place weights = at;
#pragma unroll 1
    for (int panel = 0; panel < pair.panels; panel++, at.next()) {
      ring.waitUntilFull(at);
      const uint64_t left = h + panel * (kBox / 16), right = describeSwizzled128(ring.at(at) + warpgroup * kBox);
      beginProducts();
#pragma unroll
      for (int k = 0; k < 4; k++) Wgmma<kColumns>::shared(sums, left + 2 * k, right + 2 * k);
      commitProducts();
    }
    waitProducts<0>();
    pinAccumulator(sums);
    releaseStages(ring, weights, pair.panels, self);
    ring.waitUntilFull(at);
    addCachedOutput(sums, ring.at(at) + warpgroup * kBox, self);
    // Each lane has read C(y) by itself.
    synchronizeWarp();
    releaseStages(ring, at, 1, self);
    at.next();
    finishFragments(a.epilogue, sums, row + self.row, column, a.rows, endColumn, self.lane);
  }
}

// The two warpgroups.
__device__ __forceinline__ void meetWarpgroups() { synchronizeSome(1, 256); }

template <int Panels>
__device__ __forceinline__ void multiplyAll(const Arguments &a, const Ring<Panels> &ring, unsigned char *hidden, int warpgroup) {
  typename Ring<Panels>::Place at;
  const Self self = selfOf(0, static_cast<int>(threadIdx.x));
#pragma unroll 1
  for (int block = static_cast<int>(blockIdx.x); block < a.blocks; block += static_cast<int>(gridDim.x)) {
    const int row = block * kRows;
    float sums[Panels][32];
    sumDown<Panels>(sums, a, ring, at, self, warpgroup);
    // The other warpgroup's products may still read h of the rows before.
    meetWarpgroups();
#pragma unroll
    for (int i = 0; i < Panels; i++) {
      const int panel = 2 * i + warpgroup;
      keepPanel(sums[i], a, a.panels[panel], hidden + panel * kBox, row, self);
    }
    publishShared();
    meetWarpgroups();
#pragma unroll 1
    for (int p = 0; p < a.pairCount; p++) projectUp(a, a.pairs[p], hidden, row, ring, at, self, warpgroup);
  }
}

#endif

template <int Panels>
__global__ void __launch_bounds__(kThreads, 1) calibratedLinearStacked(const __grid_constant__ Arguments a) {
#ifdef INCACHE_HOPPER
  unsigned char *hidden = sharedMemory();
  const Ring<Panels> ring(hidden + kHiddenBytes<Panels>);
  if (threadIdx.x == 0) ring.initialize(kReadingWarps);
  synchronizeBlock();
  // The same in all lanes, and known to the compiler as such.
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 2) {
    shrinkRegisters<40>();
    if (threadIdx.x == 256) copyAll(a, ring);
  } else {
    growRegisters<232>();
    multiplyAll<Panels>(a, ring, hidden, warpgroup);
  }
#endif
}

// ---- On the host -----------------------------------------------------------------------------------------------------------

// Where the pairs that follow begin.
struct Next {
  size_t pair = 0;
  int rank = 0, column = 0;
};

// Adds pairs while there is room for their panels. False where one does not suit.
bool addPairs(const BoundOp &b, Next &next, Arguments &a) {
  for (; next.pair < b.factors.size(); next.pair++) {
    const auto &[down, up] = b.factors[next.pair];
    const int64_t panels = divideUp(down.rows, kBoxColumns);
    if (panels > Block::kMostPanels) return false;
    if (a.panelCount + panels > Block::kMostPanels) return true;
    // The copy engine wants columns of C(y) at multiples of 16 bytes.
    if (next.column % 8 != 0) return false;
    Pair &pair = a.pairs[a.pairCount];
    if (!encodeBoxes(down, kBoxColumns, pair.down) || !encodeBoxes(up, kTile, pair.up)) return false;
    const int ranks = static_cast<int>(down.rows);
    pair.columns = static_cast<int>(up.rows);
    pair.firstColumn = next.column;
    pair.panels = static_cast<int>(panels);
    pair.firstPanel = a.panelCount;
    for (int first = 0; first < ranks; first += kBoxColumns)
      a.panels[a.panelCount++] = {a.pairCount, first, std::min(ranks - first, kBoxColumns), next.rank + first};
    a.pairCount++;
    next.rank += ranks;
    next.column += pair.columns;
  }
  return true;
}

template <int Panels>
void launchPairs(const Arguments &a, const LaunchContext &context) {
  const int blocks = std::min(a.blocks, context.chip.multiprocessors);
  const int64_t shared = Block::hiddenBytes(Panels) + ringBytes(Block::kStageBytes, Block::hiddenBytes(Panels), Block::kMostStages);
  launch(calibratedLinearStacked<Panels>, dim3(static_cast<unsigned>(blocks)), dim3(kThreads), shared, context, a);
}

}  // namespace

bool launchCalibratedLinearStacked(const BoundOp &b, const LaunchContext &context) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (context.chip.computeCapability != 90 || context.chip.sharedBytes < kHopperShared || !context.chip.unproven.stacked) return false;
  if (!Block::suits(b.x.rows, context.chip.multiprocessors)) return false;
  if (b.x.rows > kMost || b.x.columns > kMost || b.out.columns > kMost) return false;
  Arguments shared{};
  if (!encodeOperands(b, kRows, shared)) return false;
  std::vector<Arguments> launches;
  for (Next next; next.pair < b.factors.size();) {
    launches.push_back(shared);
    if (!addPairs(b, next, launches.back())) return false;
  }
  for (const Arguments &a : launches)
    withRanks(divideUp(a.panelCount, 2) * kBoxColumns, [&](auto ranks) {
      launchPairs<decltype(ranks)::value / kBoxColumns>(a, context);
      return true;
    });
  return true;
}

}  // namespace incache::cuda::INCACHE_STORAGE
