// What the kernels of sm_90a for calibrated operations share. Unless a kernel says otherwise, a block takes 128 rows, a warpgroup that
// multiplies 64 of them, and one thread has the copy engine bring what both need, in the order that they need it, through one ring:
//   down  h = Wb (x - C(x)): boxes of x, of C(x) and of Wb; the difference is taken in registers, which are the left factor
//   up    C(y) + Wa h, 64 columns at a time: boxes of C(y) and of Wa; h, in registers, is the left factor
#pragma once
#include <algorithm>
#include <type_traits>

#include "../common/finishFragments.cuh"
#include "../common/stageRing.cuh"
#include "../common/swizzle.h"
#include "../common/tensorMap.h"

namespace incache::cuda::INCACHE_STORAGE {

// Rows of a block.
constexpr int kCalibratedHopperRows = 128;

// Bytes of a stage: boxes of 128 x 64 of x (later of C(y)) and of C(x), and 64 columns of Wb (later 64 rows of Wa).
constexpr int calibratedStageBytes(int ranks) { return 2 * kCalibratedHopperRows * 64 * 2 + ranks * 64 * 2; }

// A block has all columns of its rows, so that one kernel needs many rows: whether they give three quarters of the multiprocessors
// a block.
inline bool suitsCalibratedHopper(int64_t rows, int multiprocessors) {
  return rows > int64_t{kCalibratedHopperRows} * (multiprocessors * 3 / 4 - 1);
}

namespace hopper {

// Two warpgroups multiply, the third one copies.
constexpr int kThreads = 384, kReadingWarps = 8;
// Columns of an output that are made at a time.
constexpr int kColumns = 64;
// Where the parts of a stage are.
constexpr int kBoxBytes = kCalibratedHopperRows * kBoxColumns * 2;
constexpr int kCachedAt = kBoxBytes, kWeightAt = 2 * kBoxBytes;

inline bool encodeBoxes(const Matrix &m, int boxRows, CUtensorMap &map) {
  return m.type == kHalfType && encodeTensorMap({m.at, m.rows, m.columns, m.stride, boxRows, kBoxColumns}, map);
}
inline bool encodeBoxes(const Panels &w, int boxRows, CUtensorMap &map) {
  return w.type == kHalfType && encodeTensorMap({w.at, w.rows, w.depth, weightStride(w.depth), boxRows, kBoxColumns}, map);
}

// What the arguments of kernels that begin with x have in common, for blocks of so many rows. C(y) comes through the ring, not with the
// epilogue. False where an operand does not suit.
template <class Arguments>
bool encodeOperands(const BoundOp &b, int blockRows, Arguments &a) {
  a.epilogue = tileEpilogueOf(b);
  a.epilogue.e.cachedOutput = {};
  a.cachedHidden = operandOf(b.cachedHidden);
  a.inputForm = b.cachedInput.at != nullptr;
  a.rows = static_cast<int>(b.x.rows);
  a.steps = static_cast<int>(divideUp(b.x.columns, kBoxColumns));
  a.blocks = static_cast<int>(divideUp(b.x.rows, blockRows));
  return encodeBoxes(b.x, blockRows, a.x) && encodeBoxes(b.cachedOutput, blockRows, a.cachedOutput) &&
         (!a.inputForm || encodeBoxes(b.cachedInput, blockRows, a.cachedInput));
}

inline int64_t largestRank(const BoundOp &b) {
  int64_t ranks = 0;
  for (const BoundPair &pair : b.factors) ranks = std::max(ranks, pair.down.rows);
  return ranks;
}

// What with(constant) gives for the constant of 64, 128, 192 or 256 that so many ranks are rounded up to; false for more.
template <class With>
bool withRanks(int64_t ranks, With with) {
  switch (divideUp(ranks, kBoxColumns)) {
    case 1: return with(std::integral_constant<int, 64>());
    case 2: return with(std::integral_constant<int, 128>());
    case 3: return with(std::integral_constant<int, 192>());
    case 4: return with(std::integral_constant<int, 256>());
    default: return false;
  }
}

#ifdef INCACHE_HOPPER

// ---- By the thread that copies -----------------------------------------------------------------------------------------

// x and, in the input form, C(x).
struct InputBoxes {
  const CUtensorMap *x, *cached;
  bool inputForm;
};

template <int Ranks, class Ring>
__device__ __forceinline__ void copyDown(const InputBoxes &input, const CUtensorMap &down, int row, int steps, const Ring &ring,
                                         typename Ring::Place &at) {
#pragma unroll 1
  for (int step = 0; step < steps; step++, at.next()) {
    uint64_t *full = ring.beginFilling(at, Ranks * 128 + (input.inputForm ? 2 : 1) * kBoxBytes);
    copyBox(ring.at(at), input.x, step * kBoxColumns, row, full);
    if (input.inputForm) copyBox(ring.at(at) + kCachedAt, input.cached, step * kBoxColumns, row, full);
    copyBox(ring.at(at) + kWeightAt, &down, step * kBoxColumns, 0, full);
  }
}

// 64 rows of Wa from `row` on, 64 ranks after 64 ranks.
template <int Ranks>
__device__ __forceinline__ void copyUpWeight(unsigned char *to, const CUtensorMap &up, int row, uint64_t *full) {
#pragma unroll 1
  for (int k = 0; k < Ranks / kBoxColumns; k++) copyBox(to + k * kColumns * 128, &up, k * kBoxColumns, row, full);
}

// For `tiles` times 64 columns, of which the first is `firstColumn` of C(y).
template <int Ranks, class Ring>
__device__ __forceinline__ void copyUp(const CUtensorMap &cachedOutput, const CUtensorMap &up, int firstColumn, int row, int tiles,
                                       const Ring &ring, typename Ring::Place &at) {
#pragma unroll 1
  for (int tile = 0; tile < tiles; tile++, at.next()) {
    uint64_t *full = ring.beginFilling(at, Ranks * 128 + kBoxBytes);
    copyBox(ring.at(at), &cachedOutput, firstColumn + tile * kColumns, row, full);
    copyUpWeight<Ranks>(ring.at(at) + kWeightAt, up, tile * kColumns, full);
  }
}

// ---- By warpgroups that multiply -----------------------------------------------------------------------------------------

// What a thread of a warpgroup that multiplies knows of itself.
struct Self {
  int lane, row;  // `row`: of its warp's 16 among the block's 128
};
__device__ __forceinline__ Self selfOf(int warpgroup, int thread) {
  return {thread % 32, warpgroup * 64 + thread / 32 % 4 * 16};
}

// x - C(x) of two values each, rounded to Half.
__device__ __forceinline__ uint32_t difference(uint32_t x, uint32_t cached) {
  return packHalf(lowOf(x) - lowOf(cached), highOf(x) - highOf(cached));
}

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

template <int N>
__device__ __forceinline__ void clear(float (&sums)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) sums[i] = 0;
}

// The sums of Wb (x - C(x)) for a warp's rows and all ranks.
template <int Ranks, class Ring>
__device__ __forceinline__ void sumDown(float (&sums)[Ranks / 2], int steps, bool inputForm, const Ring &ring, typename Ring::Place &at,
                                        const Self &self) {
  clear(sums);
#pragma unroll 1
  for (int step = 0; step < steps; step++, at.next()) {
    ring.waitUntilFull(at);
    uint32_t left[4][4];
#pragma unroll
    for (int k = 0; k < 4; k++) loadIncrement(left[k], ring.at(at), self, k, inputForm);
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

// Which sum is where: sums[i] is row rowOfSum of a warp's 16, column columnOfSum.
__device__ __forceinline__ int rowOfSum(int i, int lane) { return lane / 4 + i % 4 / 2 * 8; }
__device__ __forceinline__ int columnOfSum(int i, int lane) { return i / 4 * 8 + lane % 4 * 2 + i % 2; }

// The rank form: less what the cache has of Wb C(x), whose columns of this pair begin at `firstRank`. `row`: the warp's first.
template <int Ranks>
__device__ __forceinline__ void subtractCachedHidden(float (&sums)[Ranks / 2], const Operand &cachedHidden, int rows, int firstRank, int ranks,
                                                     int row, int lane) {
#pragma unroll
  for (int i = 0; i < Ranks / 2; i++) {
    const int own = row + rowOfSum(i, lane), rank = columnOfSum(i, lane);
    if (own < rows && rank < ranks) sums[i] -= cachedHidden.read(own, firstRank + rank);
  }
}

// Sums of 16 columns lie as the left factor of the next product wants them.
template <int Sums>
__device__ __forceinline__ void packLeft(uint32_t (&left)[Sums / 8][4], const float (&sums)[Sums]) {
#pragma unroll
  for (int k = 0; k < Sums / 8; k++)
#pragma unroll
    for (int i = 0; i < 4; i++) left[k][i] = packHalf(sums[8 * k + 2 * i], sums[8 * k + 2 * i + 1]);
}

// The two values of a cache that sums[i] and sums[i + 1] belong to (i even), from a box in shared memory.
__device__ __forceinline__ uint32_t cachedPair(const unsigned char *box, const Self &self, int i) {
  using Tile = SwizzledTile<kBoxColumns>;
  return *reinterpret_cast<const uint32_t *>(box + Tile::elementOffset(self.row + rowOfSum(i, self.lane), columnOfSum(i, self.lane)));
}

// A warp's rows of C(y), from a box in shared memory, as products leave their sums.
__device__ __forceinline__ void addCachedOutput(float (&sums)[kColumns / 2], const unsigned char *box, const Self &self) {
#pragma unroll
  for (int i = 0; i < kColumns / 2; i += 2) {
    const uint32_t cached = cachedPair(box, self, i);
    sums[i] += lowOf(cached);
    sums[i + 1] += highOf(cached);
  }
}

// Where 64 rows of Wa, 64 ranks after 64 ranks, have 16 ranks from 16 k on, in a descriptor's units.
__device__ __forceinline__ int upWeightOffset(int k) { return k / 4 * (kColumns * 128 / 16) + k % 4 * 2; }

// Columns of the output from `firstColumn` up to `endColumn`, for a block's rows from `row` on.
struct UpPlace {
  int row, rows, firstColumn, endColumn;
  __device__ __forceinline__ int tiles() const { return (endColumn - firstColumn + kColumns - 1) / kColumns; }
};

template <int Ranks, class Ring>
__device__ __forceinline__ void projectUp(const uint32_t (&hidden)[Ranks / 16][4], const TileEpilogue &epilogue, const UpPlace &place,
                                          const Ring &ring, typename Ring::Place &at, const Self &self) {
#pragma unroll 1
  for (int tile = 0; tile < place.tiles(); tile++, at.next()) {
    float sums[kColumns / 2];
    clear(sums);
    ring.waitUntilFull(at);
    const uint64_t right = describeSwizzled128(ring.at(at) + kWeightAt);
    beginProducts();
#pragma unroll
    for (int k = 0; k < Ranks / 16; k++) Wgmma<kColumns>::registers(sums, hidden[k], right + upWeightOffset(k));
    commitProducts();
    waitProducts<0>();
    pinAccumulator(sums);
    addCachedOutput(sums, ring.at(at), self);
    // Each lane has read C(y) by itself.
    synchronizeWarp();
    if (self.lane == 0) ring.release(at);
    finishFragments(epilogue, sums, place.row + self.row, place.firstColumn + tile * kColumns, place.rows, place.endColumn, self.lane);
  }
}

#endif

}  // namespace hopper
}  // namespace incache::cuda::INCACHE_STORAGE
