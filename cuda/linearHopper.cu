// One block a multiprocessor, which takes tile after tile. One warpgroup has the copy engine fill a ring of stages; two multiply
// what has arrived, straight from shared memory: both the same tile, half of its rows each, or each its own, in turn. The stages of the
// next tile arrive while a tile is finished; when they take turns, it is multiplied meanwhile too. A tile of 64 rows, for few of them, has
// one warpgroup multiply alone.
#include "linearHopper.h"

#include "common/finishFragments.cuh"
#include "common/stageRing.cuh"
#include "common/tensorMap.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct HopperArguments {
  CUtensorMap x, weight;
  TileEpilogue epilogue;
  HopperTiles tiles;
  int rows, columns, steps;
};

// A warpgroup for each 64 rows of a tile.
template <int Rows, int Columns>
struct Shared {
  static constexpr int kRows = Rows, kColumns = Columns, kHalves = 1, kWarpgroups = Rows / 64;
  static constexpr bool kAlternates = false;
};
// Each of two has a tile of its own.
struct Alternating {
  static constexpr int kRows = 128, kColumns = 128, kHalves = 2, kWarpgroups = 2;
  static constexpr bool kAlternates = true;
};

template <class Form>
using Ring = StageRing<hopperStageBytes(Form::kRows, Form::kColumns)>;
template <class Form>
constexpr int kLeftBytes = hopperStageBytes(Form::kRows, 0);

// By one thread.
template <class Form>
__device__ __forceinline__ void copyTiles(const HopperArguments &a, const Ring<Form> &ring) {
  typename Ring<Form>::Place at;
#pragma unroll 1
  for (int tile = static_cast<int>(blockIdx.x); tile < a.tiles.count(); tile += static_cast<int>(gridDim.x)) {
    const HopperTiles::Place place = a.tiles.at(tile);
#pragma unroll 1
    for (int step = 0; step < a.steps; step++, at.next()) {
      uint64_t *full = ring.beginFilling(at, Ring<Form>::kStageBytes);
      copyBox(ring.at(at), &a.x, step * kHopperDepth, place.row * Form::kRows, full);
      copyBox(ring.at(at) + kLeftBytes<Form>, &a.weight, step * kHopperDepth, place.column * Form::kColumns, full);
    }
  }
}

// Of a warpgroup's 64 rows after 64 rows.
template <class Form>
using Sums = float[Form::kHalves][Wgmma<Form::kColumns>::kSums];

// x W^T of a stage. 16 of the depth are 32 bytes, and addresses in descriptors count 16.
template <class Form>
__device__ __forceinline__ void multiplyStage(Sums<Form> &sums, const unsigned char *stage, int firstRow) {
  const uint64_t left = describeSwizzled128(stage + firstRow * 128), right = describeSwizzled128(stage + kLeftBytes<Form>);
  beginProducts();
#pragma unroll
  for (int k = 0; k < kHopperDepth / 16; k++)
#pragma unroll
    for (int half = 0; half < Form::kHalves; half++)
      Wgmma<Form::kColumns>::shared(sums[half], left + half * (64 * 128 / 16) + 2 * k, right + 2 * k);
  commitProducts();
}

// By a warpgroup: its tiles, or its 64 rows of each tile. Where the two alternate, a main loop begins when the other one has issued its
// products, hence waited for its stages: stages know their turn by its parity, so that nobody may wait for one two turns ahead.
template <class Form>
__device__ __forceinline__ void multiplyTiles(const HopperArguments &a, const Ring<Form> &ring, int warpgroup) {
  typename Ring<Form>::Place at;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32 % 4;
  const int firstRow = Form::kAlternates ? 0 : warpgroup * 64;
  if (Form::kAlternates && warpgroup == 1) at.skip(a.steps);
  // The other warpgroup's last phase; the first of both is warpgroup 0's.
  uint32_t turn = phaseAfter(0, warpgroup - 1);
  const int first = static_cast<int>(blockIdx.x) + (Form::kAlternates ? warpgroup * static_cast<int>(gridDim.x) : 0);
#pragma unroll 1
  for (int tile = first; tile < a.tiles.count(); tile += static_cast<int>(gridDim.x) * (Form::kAlternates ? 2 : 1)) {
    const HopperTiles::Place place = a.tiles.at(tile);
    Sums<Form> sums;
#pragma unroll
    for (int half = 0; half < Form::kHalves; half++)
#pragma unroll
      for (int i = 0; i < Wgmma<Form::kColumns>::kSums; i++) sums[half][i] = 0;
    typename Ring<Form>::Place before = at;
    if (Form::kAlternates) waitFor(ring.furtherBarrier(warpgroup), turn);
    turn = phaseAfter(turn, 1);
#pragma unroll 1
    for (int step = 0; step < a.steps; step++, at.next()) {
      ring.waitUntilFull(at);
      multiplyStage<Form>(sums, ring.at(at), firstRow);
      // The step before has been multiplied; this one's products run on while the next stage is waited for.
      waitProducts<1>();
      if (step > 0 && lane == 0) ring.release(before);
      before = at;
    }
    if (Form::kAlternates && lane == 0) arrive(ring.furtherBarrier(1 - warpgroup));
    waitProducts<0>();
#pragma unroll
    for (int half = 0; half < Form::kHalves; half++) pinAccumulator(sums[half]);
    if (lane == 0) ring.release(before);
    // The other warpgroup's tile.
    if (Form::kAlternates) at.skip(a.steps);
    const int row = place.row * Form::kRows + firstRow + warp * 16;
#pragma unroll
    for (int half = 0; half < Form::kHalves; half++)
      finishFragments(a.epilogue, sums[half], row + half * 64, place.column * Form::kColumns, a.rows, a.columns, lane);
  }
}

template <class Form>
__global__ void __launch_bounds__(kHopperThreads, 1) linearHopper(const __grid_constant__ HopperArguments a) {
#ifdef INCACHE_HOPPER
  const Ring<Form> ring(sharedMemory());
  if (threadIdx.x == 0) {
    prefetchMap(&a.x);
    prefetchMap(&a.weight);
    if (Form::kAlternates)
      for (int i = 0; i < 2; i++) initBarrier(ring.furtherBarrier(i), 4);
    ring.initialize(Form::kAlternates ? 4 : 4 * Form::kWarpgroups);
  }
  synchronizeBlock();
  // The same in all lanes, and known to the compiler as such.
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 2) {
    shrinkRegisters<40>();
    if (threadIdx.x == 256) copyTiles<Form>(a, ring);
  } else if (Form::kWarpgroups == 2 || warpgroup == 0) {
    growRegisters<232>();
    multiplyTiles<Form>(a, ring, warpgroup);
  }
#endif
}

template <class Form>
bool launchTiles(const BoundOp &b, const LaunchContext &context) {
  HopperArguments a{};
  if (!encodeTensorMap({b.x.at, b.x.rows, b.x.columns, b.x.stride, Form::kRows, kBoxColumns}, a.x)) return false;
  if (!encodeTensorMap({b.weight.at, b.weight.rows, b.weight.depth, weightStride(b.weight.depth), Form::kColumns, kBoxColumns}, a.weight)) return false;
  a.epilogue = tileEpilogueOf(b);
  a.rows = static_cast<int>(b.x.rows);
  a.columns = static_cast<int>(b.weight.rows);
  a.tiles = {static_cast<int>(divideUp(b.x.rows, Form::kRows)), static_cast<int>(divideUp(b.weight.rows, Form::kColumns))};
  a.steps = static_cast<int>(divideUp(b.x.columns, kHopperDepth));
  const int blocks = std::min(a.tiles.count(), context.chip.multiprocessors);
  launch(linearHopper<Form>, dim3(static_cast<unsigned>(blocks)), dim3(kHopperThreads), ringBytes(hopperStageBytes(Form::kRows, Form::kColumns)), context, a);
  return true;
}

}  // namespace

// Its products, and half as long again as those of 128 columns for reading 128 rows of x, which do not become fewer with the columns; or, of
// fewer rows, what its bytes take to arrive at 50 a cycle.
int64_t hopperStepTime(int64_t rows, int64_t columns) { return std::max(rows * columns / 128 + rows / 2, (rows + columns) * 16 / 25); }

HopperForm chooseHopperForm(int64_t rows, int64_t depth, int64_t columns, const Chip &chip) {
  constexpr HopperForm kForms[] = {{128, 256, false}, {128, 192, false}, {128, 128, true}, {128, 128, false}, {128, 64, false},
                                   {128, 96, false},  {64, 64, false},   {64, 96, false}};
  const int64_t steps = divideUp(depth, kHopperDepth);
  HopperForm best{};
  int64_t least = 0;
  for (const HopperForm &form : kForms) {
    const bool narrow = form.rows == 64 || form.columns == 96;
    if ((form.alternates && !chip.unproven.alternating) || (narrow && !chip.unproven.narrow)) continue;
    const int64_t tiles = divideUp(rows, form.rows) * divideUp(columns, form.columns);
    // Of the multiprocessor that has most of them.
    const int64_t turns = divideUp(tiles, chip.multiprocessors);
    // Finishing a tile takes as long as eight steps of its columns, after each tile or, where they alternate, after the last.
    const int64_t time = turns * steps * hopperStepTime(form.rows, form.columns) + (form.alternates ? 2 : turns) * kFinishingSteps * form.columns;
    if (best.columns == 0 || time < least) best = form, least = time;
  }
  return best;
}

bool launchLinearHopper(const BoundOp &b, const LaunchContext &context) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (context.chip.computeCapability != 90 || b.weight.type != kHalfType || b.x.type != kHalfType) return false;
  if (b.x.rows > kMost || b.weight.rows > kMost || b.x.columns > kMost) return false;
  if (divideUp(b.x.rows, 64) * divideUp(b.weight.rows, 64) > kMost) return false;
  if (context.chip.sharedBytes < kHopperShared) return false;
  return launchHopperForm(chooseHopperForm(b.x.rows, b.x.columns, b.weight.rows, context.chip), b, context);
}

bool launchHopperForm(const HopperForm &form, const BoundOp &b, const LaunchContext &context) {
  if (form.alternates) return launchTiles<Alternating>(b, context);
  if (form.rows == 64) return form.columns == 96 ? launchTiles<Shared<64, 96>>(b, context) : launchTiles<Shared<64, 64>>(b, context);
  switch (form.columns) {
    case 256: return launchTiles<Shared<128, 256>>(b, context);
    case 192: return launchTiles<Shared<128, 192>>(b, context);
    case 128: return launchTiles<Shared<128, 128>>(b, context);
    case 96: return launchTiles<Shared<128, 96>>(b, context);
    default: return launchTiles<Shared<128, 64>>(b, context);
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
