// softmax(scale q k^T + bias + keyBias) v with Half operands on the tensor cores of sm_80 and later, flash style: a block has some queries of
// one head, and passes over tiles of its keys and values once. Scores, maxima and sums are float32 and stay in registers;
// the weights of the sum over values pass from one product to the next without leaving them.
//
// A head of 72 costs no more than it must: scores sum over 80 (72 and zeros), and outputs are nine fragments of 8 columns.
#pragma once
#include <cmath>

#include "../common/mma.cuh"
#include "../common/pipeline.cuh"
#include "arguments.cuh"
#include "tile.cuh"

namespace incache::cuda::INCACHE_STORAGE {

constexpr int kAttentionWarps = 4, kAttentionThreads = kAttentionWarps * 32;

// Width: the widest head, a multiple of 8. A warp has RowTiles times 16 queries; keys come Keys at a time. Blocks: how many a
// multiprocessor is to hold at once.
template <int Width, int RowTiles, int Keys, int Blocks>
struct AttentionShape {
  static constexpr int kWidth = Width, kRowTiles = RowTiles, kKeys = Keys, kBlocks = Blocks;
  static constexpr int kWarpQueries = RowTiles * 16, kQueries = kAttentionWarps * kWarpQueries;
  static constexpr int kPieces = Width / kPieceElements, kDepth = (Width + 15) / 16 * 16;
  // The swizzle of pieces repeats after eight: unrolling more would fill registers with addresses.
  static constexpr int kDepthUnroll = kDepth >= 128 ? 4 : kDepth / 16;

  using Depth = SwizzledTile<kDepth>;  // queries and keys
  using Value = SwizzledTile<Width>;
  static constexpr int kQueryBytes = Depth::bytes(kQueries), kKeyBytes = Depth::bytes(Keys), kStageBytes = kKeyBytes + Value::bytes(Keys);
  static constexpr int kStages = 2, kSharedBytes = kQueryBytes + kStages * kStageBytes;
  static_assert(Width % kPieceElements == 0 && Keys % 32 == 0, "fragments are of 8 columns and, two at a time, 32 keys");
};

// Scores as the left factor of the next product: keys 16 `step` and on. Sums of two neighbouring products lie just as its
// fragments do.
template <int RowTiles, int Keys>
__device__ __forceinline__ void weightsOf(uint32_t (&a)[RowTiles][4], const WarpSums<RowTiles * 16, Keys> &scores, int step) {
#pragma unroll
  for (int i = 0; i < RowTiles; i++)
#pragma unroll
    for (int r = 0; r < 4; r++) {
      const float(&pair)[4] = scores.at[i][2 * step + r / 2];
      a[i][r] = packHalf(pair[r % 2 * 2], pair[r % 2 * 2 + 1]);
    }
}

// What a warp keeps of its queries: lane 4 g + t has rows g and g + 8 of each sixteen, and of its totals the part of its keys.
template <class Shape>
struct AttentionRows {
  static constexpr int kRowTiles = Shape::kRowTiles, kColumnTiles = Shape::kPieces;
  using Scores = WarpSums<Shape::kWarpQueries, Shape::kKeys>;

  OnlineRow rows[kRowTiles][2];
  float sums[kRowTiles][kColumnTiles][4];

  __device__ __forceinline__ AttentionRows() {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int j = 0; j < kColumnTiles; j++)
#pragma unroll
        for (int e = 0; e < 4; e++) sums[i][j][e] = 0;
  }

  // Scores become weights; what was summed under a smaller maximum shrinks.
  __device__ __forceinline__ void weigh(Scores &scores, float rate) {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        OnlineRow &row = rows[i][half];
        const float shrink = powerOfTwo(row.join(largestOf(scores, i, half), rate));
        row.total *= shrink;
#pragma unroll
        for (int j = 0; j < kColumnTiles; j++) {
          sums[i][j][2 * half] *= shrink;
          sums[i][j][2 * half + 1] *= shrink;
        }
#pragma unroll
        for (int j = 0; j < Scores::kColumnTiles; j++)
#pragma unroll
          for (int e = 2 * half; e < 2 * half + 2; e++) {
            float &score = scores.at[i][j][e];
            score = powerOfTwo(row.exponentOf(score, rate));
            row.total += score;
          }
      }
  }

  // Adds weights times values.
  __device__ __forceinline__ void add(const Scores &weights, const unsigned char *values, int lane) {
    using Value = typename Shape::Value;
#pragma unroll
    for (int step = 0; step < Shape::kKeys / 16; step += 2) {
      uint32_t a[2][kRowTiles][4];
      weightsOf<kRowTiles, Shape::kKeys>(a[0], weights, step);
      weightsOf<kRowTiles, Shape::kKeys>(a[1], weights, step + 1);
#pragma unroll
      for (int s = 0; s < 2; s++)
#pragma unroll
        for (int j = 0; j + 1 < kColumnTiles; j += 2) {
          uint32_t b[2][2];
          loadRightTransposed<Value>(b, values, 16 * (step + s), j, lane);
          multiplyInto(j, a[s], b[0]);
          multiplyInto(j + 1, a[s], b[1]);
        }
      if constexpr (kColumnTiles % 2 != 0) {
        // A last piece without a neighbour: its four matrices are 32 keys.
        uint32_t r[4];
        loadMatrix4Transposed(r, values + Value::offsetOf(16 * step + lane, kColumnTiles - 1));
        multiplyInto(kColumnTiles - 1, a[0], {r[0], r[1]});
        multiplyInto(kColumnTiles - 1, a[1], {r[2], r[3]});
      }
    }
  }

  // Divides by the totals.
  __device__ __forceinline__ void normalize() {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float total = rows[i][half].total;
        total += shuffleXor(total, 1);
        total += shuffleXor(total, 2);
        const float inverse = 1.0f / total;
#pragma unroll
        for (int j = 0; j < kColumnTiles; j++) {
          sums[i][j][2 * half] *= inverse;
          sums[i][j][2 * half + 1] *= inverse;
        }
      }
  }

  // act(row, column, low, high) for each pair of neighbouring columns that this lane has.
  template <class Act>
  __device__ __forceinline__ void each(int lane, Act act) const {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++)
#pragma unroll
      for (int j = 0; j < kColumnTiles; j++)
#pragma unroll
        for (int half = 0; half < 2; half++)
          act(16 * i + 8 * half + lane / 4, 8 * j + lane % 4 * 2, sums[i][j][2 * half], sums[i][j][2 * half + 1]);
  }

 private:
  static __device__ __forceinline__ float largestOf(const Scores &scores, int i, int half) {
    float largest = fmaxf(scores.at[i][0][2 * half], scores.at[i][0][2 * half + 1]);
#pragma unroll
    for (int j = 1; j < Scores::kColumnTiles; j++)
      largest = fmaxf(largest, fmaxf(scores.at[i][j][2 * half], scores.at[i][j][2 * half + 1]));
    largest = fmaxf(largest, shuffleXor(largest, 1));
    return fmaxf(largest, shuffleXor(largest, 2));
  }

  __device__ __forceinline__ void multiplyInto(int j, const uint32_t (&a)[kRowTiles][4], const uint32_t (&b)[2]) {
#pragma unroll
    for (int i = 0; i < kRowTiles; i++) multiply16x8x16(sums[i][j], a[i], b);
  }
};

// Scores of keys from `keys` on: -inf, whose weight is 0.
template <class Scores>
__device__ __forceinline__ void maskScores(Scores &scores, int keys, int lane) {
#pragma unroll
  for (int i = 0; i < Scores::kRowTiles; i++)
#pragma unroll
    for (int j = 0; j < Scores::kColumnTiles; j++)
#pragma unroll
      for (int e = 0; e < 4; e++)
        if (8 * j + lane % 4 * 2 + e % 2 >= keys) scores.at[i][j][e] = -INFINITY;
}

// Scores with their biases, of the warp's queries from `row` of the block on and keys from `key` on.
template <class Scores>
__device__ __forceinline__ void biasScores(Scores &scores, const AttentionArguments &a, const AttentionPlace &place, int row, int key, int lane) {
#pragma unroll
  for (int i = 0; i < Scores::kRowTiles; i++)
#pragma unroll
    for (int j = 0; j < Scores::kColumnTiles; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        float &score = scores.at[i][j][e];
        score = place.biased(a, score, row + 16 * i + e / 2 * 8 + lane / 4, key + 8 * j + lane % 4 * 2 + e % 2);
      }
}

// The outputs of a warp, by way of the queries' place in shared memory, 16 bytes at a time. `own`: the warp's rows there.
template <class Shape>
__device__ __forceinline__ void writePieces(const AttentionArguments &a, const AttentionRows<Shape> &rows, unsigned char *own, int64_t row,
                                            int64_t column, int count, int lane) {
  rows.each(lane, [&](int i, int j, float low, float high) {
    *reinterpret_cast<uint32_t *>(own + Shape::Depth::elementOffset(i, j)) = packHalf(low, high);
  });
  synchronizeWarp();
  Half *out = static_cast<Half *>(a.out.at) + row * a.out.stride + column;
#pragma unroll
  for (int place = lane; place < Shape::kWarpQueries * Shape::kPieces; place += 32) {
    const int i = place / Shape::kPieces, piece = place % Shape::kPieces;
    if (i < count && piece * kPieceElements < a.width)
      *reinterpret_cast<uint4 *>(out + i * a.out.stride + piece * kPieceElements) =
          *reinterpret_cast<const uint4 *>(own + Shape::Depth::offsetOf(i, piece));
  }
}

template <class Shape>
__device__ __forceinline__ void writeElements(const AttentionArguments &a, const AttentionRows<Shape> &rows, int64_t row, int64_t column,
                                              int count, int lane) {
  rows.each(lane, [&](int i, int j, float low, float high) {
    if (i >= count) return;
    if (j < a.width) a.out.write(row + i, column + j, low);
    if (j + 1 < a.width) a.out.write(row + i, column + j + 1, high);
  });
}

// Rows of an operand into a tile; those from `rows` on become 0.
template <class Shape, class Tile, int Rows, bool Copied>
__device__ __forceinline__ void fillTile(unsigned char *to, const AttentionArguments &a, const Operand &from, int64_t row, int64_t column,
                                         int rows, int thread) {
  if constexpr (Copied)
    copyRows<Tile, Rows, Shape::kPieces, kAttentionThreads>(to, static_cast<const Half *>(from.at) + row * from.stride + column, from.stride,
                                                            rows, a.width, thread);
  else
    roundRows<Tile, Rows, Shape::kPieces, kAttentionThreads>(to, from, row, column, rows, a.width, thread);
}

// Copied: all operands are Half in pieces of 16 bytes; else they are rounded on their way, whatever they are. Biased: scores have
// biases or a mask.
template <class Shape, bool Copied, bool Biased>
__global__ void __launch_bounds__(kAttentionThreads, Shape::kBlocks) attendOnTensorCores(const __grid_constant__ AttentionArguments a) {
  using Depth = typename Shape::Depth;
  using Value = typename Shape::Value;
  constexpr int kKeys = Shape::kKeys;
  const AttentionPlace place(a, blockIdx.x, Shape::kQueries);
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, warpQuery = thread / 32 * Shape::kWarpQueries;
  unsigned char *queries = sharedMemory(), *stages = queries + Shape::kQueryBytes;

  const auto begin = [&](int step, int stage) {
    unsigned char *keys = stages + stage * Shape::kStageBytes;
    const int first = step * kKeys;
    fillTile<Shape, Depth, kKeys, Copied>(keys, a, a.k, place.firstKey + first, place.column, place.keys - first, thread);
    fillTile<Shape, Value, kKeys, Copied>(keys + Shape::kKeyBytes, a, a.v, place.firstKey + first, place.column, place.keys - first, thread);
  };

  fillTile<Shape, Depth, Shape::kQueries, Copied>(queries, a, a.q, place.firstQuery, place.column, place.rows, thread);
  if constexpr (Depth::kPieces > Shape::kPieces) {
    clearPieces<Depth, Shape::kQueries, Shape::kPieces, kAttentionThreads>(queries, thread);
    for (int stage = 0; stage < Shape::kStages; stage++)
      clearPieces<Depth, kKeys, Shape::kPieces, kAttentionThreads>(stages + stage * Shape::kStageBytes, thread);
  }

  AttentionRows<Shape> rows;
  int keysLeft = place.keys;
  runPipeline<Shape::kStages>((place.keys + kKeys - 1) / kKeys, begin, [&](int stage) {
    const unsigned char *keys = stages + stage * Shape::kStageBytes;
    // Warps whose queries all lie past the end only help to copy.
    if (warpQuery < place.rows) {
      typename AttentionRows<Shape>::Scores scores;
      scores.clear();
#pragma unroll Shape::kDepthUnroll
      for (int piece = 0; piece < Depth::kPieces; piece += 2)
        scores.template multiply<Depth, Depth>(queries, warpQuery, keys, 0, piece, lane);
      if constexpr (Biased) biasScores(scores, a, place, warpQuery, place.keys - keysLeft, lane);
      else if (keysLeft < kKeys) maskScores(scores, keysLeft, lane);
      rows.weigh(scores, a.rate);
      rows.add(scores, keys + Shape::kKeyBytes, lane);
    }
    keysLeft -= kKeys;
  });

  if (warpQuery >= place.rows) return;
  rows.normalize();
  const int64_t row = place.firstQuery + warpQuery;
  if (a.outInPieces)
    writePieces<Shape>(a, rows, queries + warpQuery * Depth::kRowBytes, row, place.column, place.rows - warpQuery, lane);
  else
    writeElements<Shape>(a, rows, row, place.column, place.rows - warpQuery, lane);
}

}  // namespace incache::cuda::INCACHE_STORAGE
