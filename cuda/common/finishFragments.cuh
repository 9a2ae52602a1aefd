// The epilogue over sums in registers, as products of a warpgroup leave them. Neighbouring lanes exchange pairs of columns, so that
// each has four columns that follow each other; nothing passes through shared memory, which the next tile is being copied to.
#pragma once
#include "finishTile.cuh"

namespace incache::cuda {

// What is finished at a time: a warp's 16 rows and 64 columns, eight fours a lane, all of whose loads can be under way at once.
constexpr int kSliceColumns = 64, kSliceSums = kSliceColumns / 2;
// at[h][p]: row g + 8 h of lane 4 g + t, columns 16 p + columnOfLane() and on.
struct SliceFours {
  Four at[2][4];
};
__device__ __forceinline__ int columnOfLane(int lane) { return lane % 2 * 8 + lane % 4 / 2 * 4; }

// From `c` of Wgmma<64>. Of each 16 columns, an even lane keeps its pair of the first eight and gets its neighbour's; an odd one
// those of the last eight.
__device__ __forceinline__ SliceFours exchangePairs(const float (&sums)[kSliceSums], int lane) {
  const bool odd = lane % 2 == 1;
  SliceFours fours;
#pragma unroll
  for (int h = 0; h < 2; h++)
#pragma unroll
    for (int p = 0; p < 4; p++) {
      const float *low = sums + 8 * p + 2 * h, *high = low + 4;
      const float first = shuffleXor(odd ? low[0] : high[0], 1), second = shuffleXor(odd ? low[1] : high[1], 1);
      fours.at[h][p] = {{odd ? first : low[0], odd ? second : low[1], odd ? high[0] : first, odd ? high[1] : second}};
    }
  return fours;
}

// Where a lane's two rows are, and their rows of the gate.
struct SliceRows {
  int64_t row[2], image[2];
  bool exists[2];
};
__device__ __forceinline__ SliceRows sliceRows(const EpilogueArguments &e, int row, int rows) {
  SliceRows r;
#pragma unroll
  for (int h = 0; h < 2; h++) {
    r.row[h] = row + 8 * h;
    // 32 bits suffice, and divide in a fraction of the time.
    r.image[h] = static_cast<uint32_t>(r.row[h]) / static_cast<uint32_t>(e.perImage);
    r.exists[h] = r.row[h] < rows;
  }
  return r;
}

// One slice; `column` is the lane's first, `columns` those of the output.
class SliceEpilogue {
 public:
  __device__ __forceinline__ SliceEpilogue(const TileEpilogue &epilogue, const SliceRows &rows, int column, int columns)
      : e_(epilogue.e), fours_(epilogue.fours), rows_(rows), column_(column), columns_(columns) {}

  __device__ __forceinline__ void run(SliceFours &sums) const {
    if (!fours_ || column_ - columnOfLane(static_cast<int>(threadIdx.x) % 32) + kSliceColumns > columns_) finishRest(sums);
    finishWhole(sums);
  }

 private:
  const EpilogueArguments &e_;
  bool fours_;
  const SliceRows &rows_;
  int column_, columns_;

  // Whether a four is finished as a whole.
  __device__ __forceinline__ bool isWhole(int h, int p) const { return fours_ && rows_.exists[h] && column_ + 16 * p + 4 <= columns_; }

  template <class Act>
  __device__ __forceinline__ void each(Act act) const {
#pragma unroll
    for (int h = 0; h < 2; h++)
#pragma unroll
      for (int p = 0; p < 4; p++)
        if (isWhole(h, p)) act(h, p);
  }
  // The type is asked for once, so that all loads of a slice follow each other.
  __device__ __forceinline__ void read(const Operand &m, const int64_t (&row)[2], SliceFours &v) const {
    if (m.half) {
      const Operand half{m.at, m.stride, true};
      each([&](int h, int p) { v.at[h][p] = readFour(half, row[h], column_ + 16 * p); });
    } else {
      const Operand full{m.at, m.stride, false};
      each([&](int h, int p) { v.at[h][p] = readFour(full, row[h], column_ + 16 * p); });
    }
  }
  __device__ __forceinline__ void write(const Operand &m, const SliceFours &v) const {
    if (m.half) {
      const Operand half{m.at, m.stride, true};
      each([&](int h, int p) { writeFour(half, rows_.row[h], column_ + 16 * p, v.at[h][p]); });
    } else {
      const Operand full{m.at, m.stride, false};
      each([&](int h, int p) { writeFour(full, rows_.row[h], column_ + 16 * p, v.at[h][p]); });
    }
  }
  __device__ __forceinline__ void add(const Operand &m, const int64_t (&row)[2], SliceFours &sums) const {
    SliceFours v;
    read(m, row, v);
    each([&](int h, int p) { addFour(sums.at[h][p], v.at[h][p]); });
  }

  // What finish() does (epilogue.cuh), step by step for all whole fours: one operand at a time, which is what registers allow.
  __device__ __forceinline__ void finishWhole(SliceFours &sums) const {
    const int64_t first[2] = {0, 0};
    if (e_.bias.at) add(e_.bias, first, sums);
    if (e_.cachedOutput.at) add(e_.cachedOutput, rows_.row, sums);
    if (e_.store.at) {
      each([&](int h, int p) { eachOfFour(sums.at[h][p], [&](float y) { return e_.store.rounded(y); }); });
      write(e_.store, sums);
    }
    if (e_.kind == Epilogue::gelu) each([&](int h, int p) { eachOfFour(sums.at[h][p], [](float y) { return geluOf(y); }); });
    if (e_.kind == Epilogue::silu) each([&](int h, int p) { eachOfFour(sums.at[h][p], [](float y) { return siluOf(y); }); });
    if (e_.kind == Epilogue::gateResidual) {
      SliceFours gate;
      read(e_.gate, rows_.image, gate);
      each([&](int h, int p) {
#pragma unroll
        for (int i = 0; i < 4; i++) sums.at[h][p].at[i] *= gate.at[h][p].at[i];
      });
      add(e_.residual, rows_.row, sums);
    }
    write(e_.out, sums);
  }

  // Column by column: operands that do not allow fours, and the last columns of an odd width.
  __device__ __forceinline__ void finishRest(const SliceFours &sums) const {
#pragma unroll 1
    for (int place = 0; place < 32; place++) {
      float sum = 0;
#pragma unroll
      for (int i = 0; i < 32; i++)
        if (i == place) sum = sums.at[i / 16][i / 4 % 4].at[i % 4];
      const int h = place / 16, p = place / 4 % 4, column = column_ + 16 * p + place % 4;
      const bool exists = h == 0 ? rows_.exists[0] : rows_.exists[1];
      if (exists && column < columns_ && !(fours_ && column_ + 16 * p + 4 <= columns_))
        finish(e_, h == 0 ? rows_.row[0] : rows_.row[1], column, sum);
    }
  }
};

// The sums of a warp's 16 rows from `row` on and Columns columns from `column` on, as `c` of Wgmma<Columns>.
template <int Columns>
__device__ __forceinline__ void finishFragments(const TileEpilogue &epilogue, const float (&sums)[Columns / 2], int row, int column, int rows,
                                                int columns, int lane) {
  const SliceRows own = sliceRows(epilogue.e, row + lane / 4, rows);
  // The loop is not unrolled, so that the epilogue is compiled once; only which registers are taken depends on its turn.
#pragma unroll 1
  for (int slice = 0; slice < Columns / kSliceColumns && column + slice * kSliceColumns < columns; slice++) {
    float taken[kSliceSums];
#pragma unroll
    for (int s = 0; s < Columns / kSliceColumns; s++)
      if (s == slice)
#pragma unroll
        for (int i = 0; i < kSliceSums; i++) taken[i] = sums[s * kSliceSums + i];
    SliceFours fours = exchangePairs(taken, lane);
    SliceEpilogue(epilogue, own, column + slice * kSliceColumns + columnOfLane(lane), columns).run(fours);
  }
}

}  // namespace incache::cuda
