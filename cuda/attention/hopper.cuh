// softmax(scale q k^T) v on sm_90a, in the manner of FlashAttention-3 (Shah et al. 2024, arXiv:2407.08608): products of a warpgroup, and
// what one tile's products take is spent on the softmax of another.
//
// One thread has the copy engine fill a ring of stages: of each tile of a head its queries, then its keys and values, 64 at a time. A
// warpgroup multiplies RowTiles times 64 queries, which it keeps in registers. Heads lie in shared memory in panels of 64 columns;
// of a head of 72 the second panel is 8 columns and zeros, of which scores read 16 and outputs 8.
#pragma once
#include <cmath>

#include "../common/stageRing.cuh"
#include "../common/swizzle.h"
#include "arguments.cuh"

namespace incache::cuda::INCACHE_STORAGE {

constexpr int kAttentionHopperThreads = 384, kAttentionWarpgroups = 2;
// Rows of every box: queries of a warpgroup's tile, and keys of a step.
constexpr int kAttentionBoxRows = 64;

// Width: the widest head, a multiple of 8.
template <int Width, int RowTiles>
struct AttentionHopperShape {
  static constexpr int kWidth = Width, kRowTiles = RowTiles;
  static constexpr int kQueries = kAttentionWarpgroups * RowTiles * kAttentionBoxRows;
  static constexpr int kPanels = (Width + 63) / 64, kPanelBytes = kAttentionBoxRows * 128, kBoxesBytes = kPanels * kPanelBytes;
  // 64 keys and 64 values, or 128 queries.
  static constexpr int kStageBytes = 2 * kBoxesBytes;
  // 16 of the width each.
  static constexpr int kDepthSteps = (Width + 15) / 16;
  using Ring = StageRing<kStageBytes>;
};

struct AttentionHopperArguments {
  CUtensorMap q, k, v;
  AttentionArguments a;
  unsigned tiles;
};

#ifdef INCACHE_HOPPER

// ---- By the thread that copies ---------------------------------------------------------------------------------------------

// 64 rows of a head.
template <class Shape>
__device__ __forceinline__ void copyHead(unsigned char *to, const CUtensorMap &map, int head, int64_t row, uint64_t *full) {
#pragma unroll
  for (int panel = 0; panel < Shape::kPanels; panel++)
    copyHeadBox(to + panel * Shape::kPanelBytes, &map, panel * 64, head, static_cast<int>(row), full);
}

template <class Shape>
__device__ __forceinline__ void copyHeads(const AttentionHopperArguments &a, const typename Shape::Ring &ring) {
  typename Shape::Ring::Place at;
#pragma unroll 1
  for (unsigned tile = blockIdx.x; tile < a.tiles; tile += gridDim.x) {
    const AttentionPlace place(a.a, tile, Shape::kQueries);
#pragma unroll 1
    for (int row = 0; row < Shape::kQueries; row += 2 * kAttentionBoxRows, at.next()) {
      uint64_t *full = ring.beginFilling(at, Shape::kStageBytes);
      copyHead<Shape>(ring.at(at), a.q, place.head, place.firstQuery + row, full);
      copyHead<Shape>(ring.at(at) + Shape::kBoxesBytes, a.q, place.head, place.firstQuery + row + kAttentionBoxRows, full);
    }
#pragma unroll 1
    for (int key = 0; key < place.keys; key += kAttentionBoxRows, at.next()) {
      uint64_t *full = ring.beginFilling(at, Shape::kStageBytes);
      copyHead<Shape>(ring.at(at), a.k, place.head, place.firstKey + key, full);
      copyHead<Shape>(ring.at(at) + Shape::kBoxesBytes, a.v, place.head, place.firstKey + key, full);
    }
  }
}

// ---- By warpgroups that multiply -------------------------------------------------------------------------------------------

// What a warpgroup keeps of its queries. Scores and sums lie as Wgmma leaves them: a thread has two rows of each 64.
template <class Shape>
class AttentionHopperRows {
 public:
  using Ring = typename Shape::Ring;
  using Place = typename Ring::Place;
  static constexpr int kRowTiles = Shape::kRowTiles;

  __device__ __forceinline__ AttentionHopperRows(const Ring &ring, float rate, int warpgroup)
      : ring_(ring), rate_(rate), warpgroup_(warpgroup) {}

  // All of a tile; `at` is its first stage, and becomes the next tile's.
  __device__ __forceinline__ void attend(int keys, Place &at) {
    loadQueries(at);
    ring_.waitUntilFull(at);
    beginProducts();
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) {
      addScores(i, ring_.at(at));
      commitProducts();
    }
#pragma unroll 1
    for (; keys > kAttentionBoxRows; keys -= kAttentionBoxRows, at.next()) step<false>(at, kAttentionBoxRows);
    step<true>(at, keys);
    waitProducts<0>();
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) pinAccumulator(sums_[i]);
    release(at.stage);
    at.next();
    normalize();
  }

  __device__ __forceinline__ void write(const AttentionArguments &a, const AttentionPlace &place) const {
    if (a.outInPieces)
      eachRow([&](int i, int half, int row, int lane) {
        writeFours(a, sums_[i], half, place.firstQuery + row, place.column, row < place.rows ? a.width : 0, lane);
      });
    else
      eachRow([&](int i, int half, int row, int lane) {
        if (row < place.rows) writeElements(a, sums_[i], half, place.firstQuery + row, place.column, lane);
      });
  }

 private:
  static constexpr int kSums = Shape::kWidth / 2, kScores = kAttentionBoxRows / 2, kWeightSteps = kAttentionBoxRows / 16;

  const Ring &ring_;
  const float rate_;
  const int warpgroup_;
  uint32_t queries_[kRowTiles][Shape::kDepthSteps][4];
  float scores_[kRowTiles][kScores], sums_[kRowTiles][kSums];
  OnlineRow rows_[kRowTiles][2];

  __device__ __forceinline__ void release(int stage) const {
    if (threadIdx.x % 32 == 0) ring_.release({stage, 0});
  }

  // The first stages have 128 queries each: two tiles of 64, for one warpgroup or for both.
  __device__ __forceinline__ void loadQueries(Place &at) {
    using Panel = SwizzledTile<64>;
    const int thread = static_cast<int>(threadIdx.x);
    const RowPiece own = leftFragment(thread % 32);
#pragma unroll
    for (int stage = 0; stage < kRowTiles; stage++, at.next()) {
      ring_.waitUntilFull(at);
#pragma unroll
      for (int i = 0; i < kRowTiles; i++) {
        const int tile = warpgroup_ * kRowTiles + i;
        if (tile / 2 != stage) continue;
        const unsigned char *from = ring_.at(at) + tile % 2 * Shape::kBoxesBytes;
#pragma unroll
        for (int k = 0; k < Shape::kDepthSteps; k++)
          loadMatrix4(queries_[i][k], from + k / 4 * Shape::kPanelBytes + Panel::offsetOf(thread % 128 / 32 * 16 + own.row, k % 4 * 2 + own.piece));
      }
      synchronizeWarp();
      // The last one is released by the first step.
      if (stage + 1 < kRowTiles) release(at.stage);
    }
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) {
      rows_[i][0] = rows_[i][1] = OnlineRow();
#pragma unroll
      for (float &sum : sums_[i]) sum = 0;
#pragma unroll
      for (float &score : scores_[i]) score = 0;
      // Else the compiler would clear them after the products have begun.
      pinAccumulator(sums_[i]);
      pinAccumulator(scores_[i]);
    }
  }

  // One step over 64 keys, of which the scores are being computed: for each tile their softmax and, begun, the products with the
  // values and the scores of the next step, which run while the other tile has its turn.
  template <bool Last>
  __device__ __forceinline__ void step(const Place &at, int keys) {
    Place next = at;
    next.next();
    waitProducts<0>();
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) {
      pinAccumulator(scores_[i]);
      pinAccumulator(sums_[i]);
    }
    // What the stage before held has been read.
    release(at.stage == 0 ? Ring::kStages - 1 : at.stage - 1);
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) {
      if (Last && keys < kAttentionBoxRows) maskScores(scores_[i], keys);
      uint32_t weights[kWeightSteps][4];
      weigh(i, weights);
      if (Last && i == 0 && keys < kAttentionBoxRows) clearValues(ring_.at(at) + Shape::kBoxesBytes, keys);
      beginProducts();
      addValues(i, weights, ring_.at(at) + Shape::kBoxesBytes);
      if (!Last) {
        if (i == 0) ring_.waitUntilFull(next);
        addScores(i, ring_.at(next));
      }
      commitProducts();
    }
  }

  __device__ __forceinline__ void addScores(int i, const unsigned char *keys) {
    const uint64_t right = describeSwizzled128(keys);
    Wgmma<kAttentionBoxRows>::registers<kReplaces>(scores_[i], queries_[i][0], right);
    // 16 columns are 32 bytes, and addresses in descriptors count 16.
#pragma unroll
    for (int k = 1; k < Shape::kDepthSteps; k++)
      Wgmma<kAttentionBoxRows>::registers(scores_[i], queries_[i][k], right + k / 4 * (Shape::kPanelBytes / 16) + k % 4 * 2);
  }

  __device__ __forceinline__ void addValues(int i, const uint32_t (&weights)[kWeightSteps][4], const unsigned char *values) {
    const uint64_t right = describeTransposed128(values, Shape::kPanelBytes);
#pragma unroll
    for (int k = 0; k < kWeightSteps; k++) Wgmma<Shape::kWidth>::template registers<kAdds, kTransposed>(sums_[i], weights[k], right + k * (16 * 128 / 16));
  }

  // Scores become weights, rounded as the left factor of the next product; what was summed under a smaller maximum shrinks.
  __device__ __forceinline__ void weigh(int i, uint32_t (&weights)[kWeightSteps][4]) {
#pragma unroll
    for (int half = 0; half < 2; half++) {
      OnlineRow &row = rows_[i][half];
      const float shrink = powerOfTwo(row.join(largestOf(scores_[i], half), rate_));
      row.total *= shrink;
#pragma unroll
      for (int j = 2 * half; j < kSums; j += 4) {
        sums_[i][j] *= shrink;
        sums_[i][j + 1] *= shrink;
      }
#pragma unroll
      for (int j = 2 * half; j < kScores; j += 4) {
        const float low = powerOfTwo(row.exponentOf(scores_[i][j], rate_)), high = powerOfTwo(row.exponentOf(scores_[i][j + 1], rate_));
        row.total += low + high;
        // Sums of 16 columns lie as the left factor wants them.
        weights[j / 8][j % 8 / 2] = packHalf(low, high);
      }
    }
  }

  static __device__ __forceinline__ float largestOf(const float (&scores)[kScores], int half) {
    float largest = fmaxf(scores[2 * half], scores[2 * half + 1]);
#pragma unroll
    for (int j = 4 + 2 * half; j < kScores; j += 4) largest = fmaxf(largest, fmaxf(scores[j], scores[j + 1]));
    largest = fmaxf(largest, shuffleXor(largest, 1));
    return fmaxf(largest, shuffleXor(largest, 2));
  }

  // Scores of keys from `keys` on: -inf, whose weight is 0.
  static __device__ __forceinline__ void maskScores(float (&scores)[kScores], int keys) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int j = 0; j < kScores; j++)
      if (j / 4 * 8 + lane % 4 * 2 + j % 2 >= keys) scores[j] = -INFINITY;
  }

  // Values from `keys` on are another image's or padding, which may be no numbers: 0, which the weight 0 leaves 0. Each warpgroup
  // does it for itself.
  __device__ __forceinline__ void clearValues(unsigned char *values, int keys) const {
    const int first = keys * (128 / kPieceBytes), pieces = Shape::kPanelBytes / kPieceBytes;
#pragma unroll
    for (int panel = 0; panel < Shape::kPanels; panel++)
#pragma unroll 1
      for (int piece = first + static_cast<int>(threadIdx.x) % 128; piece < pieces; piece += 128)
        *reinterpret_cast<uint4 *>(values + panel * Shape::kPanelBytes + piece * kPieceBytes) = make_uint4(0, 0, 0, 0);
    publishShared();
    synchronizeSome(1 + warpgroup_, 128);
  }

  // Divides by the totals.
  __device__ __forceinline__ void normalize() {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float total = rows_[i][half].total;
        total += shuffleXor(total, 1);
        total += shuffleXor(total, 2);
        const float inverse = reciprocal(total);
#pragma unroll
        for (int j = 2 * half; j < kSums; j += 4) {
          sums_[i][j] *= inverse;
          sums_[i][j + 1] *= inverse;
        }
      }
  }

  // act(tile, which of the thread's two rows there, this among the block's, lane)
  template <class Act>
  static __device__ __forceinline__ void eachRow(Act act) {
    // Unknown, so that nothing of it is kept in registers between tiles.
    const int thread = unknown(static_cast<int>(threadIdx.x));
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int half = 0; half < 2; half++)
        act(i, half, (thread / 128 * kRowTiles + i) * 64 + thread % 128 / 32 * 16 + half * 8 + thread % 32 / 4, thread % 32);
  }

  // One row of each thread. Of each 16 columns, an even lane keeps its pair of the first eight and gets its neighbour's; an odd one
  // those of the last eight.
  __device__ __forceinline__ void writeFours(const AttentionArguments &a, const float (&sums)[kSums], int half, int64_t row, int64_t column,
                                             int width, int lane) const {
    Half *out = static_cast<Half *>(a.out.at) + row * a.out.stride + column;
    const bool odd = lane % 2 == 1;
#pragma unroll
    for (int j = 0; j + 1 < kSums / 4; j += 2) {
      const uint32_t low = pairOf(sums, j, half), high = pairOf(sums, j + 1, half), other = shuffleXor(odd ? low : high, 1);
      const int first = 8 * (j + lane % 2);
      if (first < width)
        *reinterpret_cast<uint2 *>(out + first + lane % 4 / 2 * 4) = odd ? make_uint2(other, high) : make_uint2(low, other);
    }
    if constexpr (kSums / 4 % 2 == 1)
      if (Shape::kWidth - 8 < width)
        *reinterpret_cast<uint32_t *>(out + Shape::kWidth - 8 + lane % 4 * 2) = pairOf(sums, kSums / 4 - 1, half);
  }
  // Of the j-th eight columns.
  static __device__ __forceinline__ uint32_t pairOf(const float (&sums)[kSums], int j, int half) {
    return packHalf(sums[4 * j + 2 * half], sums[4 * j + 2 * half + 1]);
  }

  __device__ __forceinline__ void writeElements(const AttentionArguments &a, const float (&sums)[kSums], int half, int64_t row,
                                                int64_t column, int lane) const {
#pragma unroll
    for (int j = 0; j < kSums / 4; j++)
#pragma unroll
      for (int e = 0; e < 2; e++) {
        const int own = 8 * j + lane % 4 * 2 + e;
        if (own < a.width) a.out.write(row, column + own, sums[4 * j + 2 * half + e]);
      }
  }
};

template <class Shape>
__device__ __forceinline__ void attendTiles(const AttentionHopperArguments &a, const typename Shape::Ring &ring, int warpgroup) {
  typename Shape::Ring::Place at;
#pragma unroll 1
  for (unsigned tile = blockIdx.x; tile < a.tiles; tile += gridDim.x) {
    AttentionHopperRows<Shape> rows(ring, a.a.rate, warpgroup);
    // The same in all lanes, and known to the compiler as such.
    rows.attend(shuffleFrom(AttentionPlace(a.a, tile, Shape::kQueries).keys, 0), at);
    // Where it is written is computed again: kept meanwhile, it would take registers of the products.
    rows.write(a.a, AttentionPlace(a.a, static_cast<unsigned>(unknown(static_cast<int>(tile))), Shape::kQueries));
  }
}

#endif

template <class Shape>
__global__ void __launch_bounds__(kAttentionHopperThreads, 1) attendOnHopper(const __grid_constant__ AttentionHopperArguments a) {
#ifdef INCACHE_HOPPER
  const typename Shape::Ring ring(sharedMemory());
  if (threadIdx.x == 0) {
    prefetchMap(&a.q);
    prefetchMap(&a.k);
    prefetchMap(&a.v);
    ring.initialize(kAttentionWarpgroups * 4);
  }
  synchronizeBlock();
  // The same in all lanes, and known to the compiler as such.
  const int warpgroup = shuffleFrom(static_cast<int>(threadIdx.x) / 128, 0);
  if (warpgroup == kAttentionWarpgroups) {
    shrinkRegisters<24>();
    if (threadIdx.x == kAttentionWarpgroups * 128) copyHeads<Shape>(a, ring);
  } else {
    growRegisters<240>();
    attendTiles<Shape>(a, ring, warpgroup);
  }
#endif
}

}  // namespace incache::cuda::INCACHE_STORAGE
