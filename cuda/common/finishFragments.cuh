// The epilogue over sums in registers, as products of a warpgroup leave them. Neighbouring lanes exchange pairs of columns, so that
// each has four columns that follow each other; nothing passes through shared memory, which the next tile is being copied to.
#pragma once
#include "finishTile.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// What is finished at a time: a warp's 16 rows and so many columns.
constexpr int kSliceColumns = 32, kSliceSums = kSliceColumns / 2, kSlicePairs = kSliceColumns / 16;
// at[h][p]: row g + 8 h of lane 4 g + t, columns 16 p + columnOfLane() and on.
struct SliceFours {
  Four at[2][kSlicePairs];
};
__device__ __forceinline__ int columnOfLane(int lane) { return lane % 2 * 8 + lane % 4 / 2 * 4; }

template <class Act>
__device__ __forceinline__ void eachFour(Act act) {
#pragma unroll
  for (int h = 0; h < 2; h++)
#pragma unroll
    for (int p = 0; p < kSlicePairs; p++) act(h, p);
}

// From `c` of a product. Of each 16 columns, an even lane keeps its pair of the first eight and gets its neighbour's; an odd one
// those of the last eight.
__device__ __forceinline__ SliceFours exchangePairs(const float (&sums)[kSliceSums], int lane) {
  const bool odd = lane % 2 == 1;
  SliceFours fours;
  eachFour([&](int h, int p) {
    const float *low = sums + 8 * p + 2 * h, *high = low + 4;
    const float first = shuffleXor(odd ? low[0] : high[0], 1), second = shuffleXor(odd ? low[1] : high[1], 1);
    fours.at[h][p] = {{odd ? first : low[0], odd ? second : low[1], odd ? high[0] : first, odd ? high[1] : second}};
  });
  return fours;
}

// A slice at (row, column), the lane's first, of an output of rows x columns.
struct SlicePlace {
  int row, column, rows, columns;
};

// Four by four, one operand at a time, which is what registers allow. Rows beyond the last are read as the last one, and not written.
struct WholeSlice {
  const EpilogueArguments &e;
  int row[2], column;
  bool exists[2];

  __device__ __forceinline__ WholeSlice(const EpilogueArguments &e, const SlicePlace &at) : e(e), column(at.column) {
#pragma unroll
    for (int h = 0; h < 2; h++) {
      exists[h] = at.row + 8 * h < at.rows;
      row[h] = exists[h] ? at.row + 8 * h : at.rows - 1;
    }
  }

  // What finish() does (epilogue.cuh), step by step for all fours.
  __device__ __forceinline__ void finish(SliceFours &sums) const {
    if (e.bias.at) each(read(e.bias, 0, 0), sums, [](float bias, float y) { return bias + y; });
    if (e.cachedOutput.at) each(read(e.cachedOutput, row[0], row[1]), sums, [](float cached, float y) { return cached + y; });
    if (e.store.at) {
      eachFour([&](int h, int p) { eachOfFour(sums.at[h][p], [&](float y) { return e.store.rounded(y); }); });
      write(e.store, sums);
    }
    withActivation(e.kind, [&](auto f) { eachFour([&](int h, int p) { eachOfFour(sums.at[h][p], f); }); });
    if (e.kind == Epilogue::gate)
      each(read(e.gate, imageOf(row[0]), imageOf(row[1])), sums, [](float gate, float y) { return gate * y; });
    if (e.kind == Epilogue::gateResidual) {
      // Both at once: the residual has further to come.
      const SliceFours residual = read(e.residual, row[0], row[1]), gate = read(e.gate, imageOf(row[0]), imageOf(row[1]));
      each(gate, sums, [](float gate, float y) { return gate * y; });
      each(residual, sums, [](float residual, float y) { return residual + y; });
    }
    write(e.out, sums);
  }

 private:
  // 32 bits suffice for rows, and divide in a fraction of the time.
  __device__ __forceinline__ int imageOf(int row) const {
    return static_cast<int>(static_cast<uint32_t>(row) / static_cast<uint32_t>(e.perImage));
  }
  template <class F>
  __device__ __forceinline__ void each(const SliceFours &v, SliceFours &sums, F f) const {
    eachFour([&](int h, int p) {
#pragma unroll
      for (int i = 0; i < 4; i++) sums.at[h][p].at[i] = f(v.at[h][p].at[i], sums.at[h][p].at[i]);
    });
  }
  // The type is asked for once, so that all loads of a slice follow each other.
  __device__ __forceinline__ SliceFours read(const Operand &m, int row0, int row1) const {
    const bool half = m.half;
    return half ? readAs<true>(m, row0, row1) : readAs<false>(m, row0, row1);
  }
  template <bool Half>
  __device__ __forceinline__ SliceFours readAs(const Operand &m, int row0, int row1) const {
    SliceFours v;
    eachFour([&](int h, int p) { v.at[h][p] = readFour({m.at, m.stride, Half}, h == 0 ? row0 : row1, column + 16 * p); });
    return v;
  }
  __device__ __forceinline__ void write(const Operand &m, const SliceFours &v) const {
    if (m.half)
      writeAs<true>(m, v);
    else
      writeAs<false>(m, v);
  }
  template <bool Half>
  __device__ __forceinline__ void writeAs(const Operand &m, const SliceFours &v) const {
    eachFour([&](int h, int p) {
      if (exists[h]) writeFour({m.at, m.stride, Half}, row[h], column + 16 * p, v.at[h][p]);
    });
  }
};

// Column by column: where operands do not allow fours, and for the last columns of an odd width.
__device__ __forceinline__ void finishOneByOne(const EpilogueArguments &e, const SlicePlace &at, const SliceFours &sums) {
#pragma unroll 1
  for (int place = 0; place < kSliceSums; place++) {
    float sum = 0;
#pragma unroll
    for (int i = 0; i < kSliceSums; i++)
      if (i == place) sum = sums.at[i / (kSliceSums / 2)][i / 4 % kSlicePairs].at[i % 4];
    const int row = at.row + place / (kSliceSums / 2) * 8, column = at.column + place / 4 % kSlicePairs * 16 + place % 4;
    if (row < at.rows && column < at.columns) finish(e, row, column, sum);
  }
}

// Has the level-2 cache fetch what finishFragments will read of the residual, half a row a lane: it has the furthest to come.
template <int Columns>
__device__ __forceinline__ void prefetchResidual(const EpilogueArguments &e, int row, int column, int rows, int columns, int lane) {
  const int own = row + lane / 2, first = column + lane % 2 * (Columns / 2);
  if (e.kind != Epilogue::gateResidual || own >= rows || first >= columns) return;
  const int64_t place = own * e.residual.stride + first;
  prefetch(static_cast<const char *>(e.residual.at) + place * (e.residual.half ? 2 : 4));
}

// The sums of a warp's 16 rows from `row` on and 2 * Sums columns from `column` on, as `c` of Wgmma, to an output of rows x columns.
template <int Sums>
__device__ __forceinline__ void finishFragments(const TileEpilogue &epilogue, const float (&sums)[Sums], int row, int column, int rows,
                                                int columns, int lane) {
  constexpr int kSlices = Sums / kSliceSums;
  // The loop is not unrolled, so that the epilogue is compiled once; only which registers are taken depends on its turn.
#pragma unroll 1
  for (int slice = 0; slice < kSlices; slice++) {
    const int first = column + slice * kSliceColumns;
    if (first >= columns) return;
    float taken[kSliceSums];
#pragma unroll
    for (int s = 0; s < kSlices; s++)
      if (s == slice)
#pragma unroll
        for (int i = 0; i < kSliceSums; i++) taken[i] = sums[s * kSliceSums + i];
    SliceFours fours = exchangePairs(taken, lane);
    const SlicePlace at{row + lane / 4, first + columnOfLane(lane), rows, columns};
    if (epilogue.fours && first + kSliceColumns <= columns)
      WholeSlice(epilogue.e, at).finish(fours);
    else
      finishOneByOne(epilogue.e, at, fours);
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
