// One block a multiprocessor, which takes tile after tile. One warpgroup has the copy engine fill a ring of stages; two multiply
// what has arrived, straight from shared memory. The stages of the next tile arrive while a tile is finished.
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

template <int Columns>
using Ring = StageRing<hopperStageBytes(Columns)>;

// By one thread.
template <int Columns>
__device__ __forceinline__ void copyTiles(const HopperArguments &a, const Ring<Columns> &ring) {
  typename Ring<Columns>::Place at;
#pragma unroll 1
  for (int tile = static_cast<int>(blockIdx.x); tile < a.tiles.count(); tile += static_cast<int>(gridDim.x)) {
    const HopperTiles::Place place = a.tiles.at(tile);
#pragma unroll 1
    for (int step = 0; step < a.steps; step++, at.next()) {
      uint64_t *full = ring.beginFilling(at, Ring<Columns>::kStageBytes);
      copyBox(ring.at(at), &a.x, step * kHopperDepth, place.row * kHopperRows, full);
      copyBox(ring.at(at) + kHopperLeftBytes, &a.weight, step * kHopperDepth, place.column * Columns, full);
    }
  }
}

// By a warpgroup: its 64 rows of each tile.
template <int Columns>
__device__ __forceinline__ void multiplyTiles(const HopperArguments &a, const Ring<Columns> &ring, int warpgroup) {
  typename Ring<Columns>::Place at;
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32 % 4;
#pragma unroll 1
  for (int tile = static_cast<int>(blockIdx.x); tile < a.tiles.count(); tile += static_cast<int>(gridDim.x)) {
    float sums[Wgmma<Columns>::kSums];
#pragma unroll
    for (int i = 0; i < Wgmma<Columns>::kSums; i++) sums[i] = 0;
    typename Ring<Columns>::Place before = at;
#pragma unroll 1
    for (int step = 0; step < a.steps; step++, at.next()) {
      ring.waitUntilFull(at);
      const uint64_t left = describeSwizzled128(ring.at(at) + warpgroup * 64 * 128);
      const uint64_t right = describeSwizzled128(ring.at(at) + kHopperLeftBytes);
      beginProducts();
      // 16 of the depth are 32 bytes, and addresses in descriptors count 16.
#pragma unroll
      for (int k = 0; k < kHopperDepth / 16; k++) Wgmma<Columns>::shared(sums, left + 2 * k, right + 2 * k);
      commitProducts();
      // The step before has been multiplied; this one's products run on while the next stage is waited for.
      waitProducts<1>();
      if (step > 0 && lane == 0) ring.release(before);
      before = at;
    }
    waitProducts<0>();
    pinAccumulator(sums);
    if (lane == 0) ring.release(before);
    const HopperTiles::Place place = a.tiles.at(tile);
    finishFragments(a.epilogue, sums, place.row * kHopperRows + warpgroup * 64 + warp * 16, place.column * Columns, a.rows, a.columns, lane);
  }
}

template <int Columns>
__global__ void __launch_bounds__(kHopperThreads, 1) linearHopper(const __grid_constant__ HopperArguments a) {
#ifdef INCACHE_HOPPER
  const Ring<Columns> ring(sharedMemory());
  if (threadIdx.x == 0) {
    prefetchMap(&a.x);
    prefetchMap(&a.weight);
    ring.initialize(2 * 4);
  }
  synchronizeBlock();
  // The same in all lanes, and known to the compiler as such.
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == 2) {
    shrinkRegisters<40>();
    if (threadIdx.x == 256) copyTiles<Columns>(a, ring);
  } else {
    growRegisters<232>();
    multiplyTiles<Columns>(a, ring, warpgroup);
  }
#endif
}

template <int Columns>
bool launchTiles(const BoundOp &b, const LaunchContext &context) {
  HopperArguments a{};
  if (!encodeTensorMap({b.x.at, b.x.rows, b.x.columns, b.x.stride, kHopperRows, kBoxColumns}, a.x)) return false;
  if (!encodeTensorMap({b.weight.at, b.weight.rows, b.weight.depth, weightStride(b.weight.depth), Columns, kBoxColumns}, a.weight)) return false;
  a.epilogue = tileEpilogueOf(b);
  a.rows = static_cast<int>(b.x.rows);
  a.columns = static_cast<int>(b.weight.rows);
  a.tiles = {static_cast<int>(divideUp(b.x.rows, kHopperRows)), static_cast<int>(divideUp(b.weight.rows, Columns))};
  a.steps = static_cast<int>(divideUp(b.x.columns, kHopperDepth));
  const int blocks = std::min(a.tiles.count(), context.chip.multiprocessors);
  launch(linearHopper<Columns>, dim3(static_cast<unsigned>(blocks)), dim3(kHopperThreads), ringBytes(hopperStageBytes(Columns)), context, a);
  return true;
}

}  // namespace

int chooseHopperColumns(int64_t rows, int64_t columns, int multiprocessors) {
  int best = 0;
  int64_t least = 0;
  for (const int width : {256, 192, 128, 64}) {
    const int64_t tiles = divideUp(rows, kHopperRows) * divideUp(columns, width);
    // Turns of the multiprocessor that has most of them. A turn takes its columns, and as long as half of 128 columns would
    // for reading 128 rows of x, which do not become fewer with the columns.
    const int64_t time = divideUp(tiles, multiprocessors) * (width + kHopperRows / 2);
    if (best == 0 || time < least) best = width, least = time;
  }
  return best;
}

bool launchLinearHopper(const BoundOp &b, const LaunchContext &context) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (context.chip.computeCapability != 90 || b.weight.type != kHalfType || b.x.type != kHalfType) return false;
  if (b.x.rows > kMost || b.weight.rows > kMost || b.x.columns > kMost) return false;
  if (divideUp(b.x.rows, kHopperRows) * divideUp(b.weight.rows, 64) > kMost) return false;
  if (context.chip.sharedBytes < kHopperShared) return false;
  switch (chooseHopperColumns(b.x.rows, b.weight.rows, context.chip.multiprocessors)) {
    case 256: return launchTiles<256>(b, context);
    case 192: return launchTiles<192>(b, context);
    case 128: return launchTiles<128>(b, context);
    default: return launchTiles<64>(b, context);
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
