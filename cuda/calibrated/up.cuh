// The second product of the low-rank branch, and what becomes of it: out = epilogue(C(y) + Wa h).
#pragma once
#include "down.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// Chunks of rows [row, end) of a weight, each row of chunks from its first column to its last.
struct UpSequence {
  WeightRows weight;
  int row, end, column = 0;

  __device__ __forceinline__ bool next(Chunk &to) {
    if (row >= end) return false;
    to = {weight, row, column};
    column += kChunk;
    if (column >= weight.columns) {
      column = 0;
      row += kChunk;
    }
    return true;
  }
};

// A cache of the output of a product, 64 columns at a time. `Fast`: it is aligned and Half, and no eight is asked for that is cut
// by its last column; it is then fetched before the product that it is added to.
template <bool Fast>
class CachedOutput {
 public:
  __device__ __forceinline__ CachedOutput(const Vectors &from, int rows, const FragmentPlace &place) : from_(from), rows_(rows), place_(place) {}

  // Columns [column, column + 64) that are before `end`.
  __device__ __forceinline__ void fetch(int column, int end) {
    if constexpr (Fast)
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int q = 0; q < 2; q++) {
          const int at = column + 32 * q + place_.eight;
          if (place_.row + 8 * i < rows_ && at + 8 <= end) raw_.of[i][q] = readPiece(from_.operand, place_.row + 8 * i, at);
        }
  }
  // The eight columns from `column` on, 0 from `end` on; of a row and for the `q` that were fetched last.
  __device__ __forceinline__ Eight take(int i, int q, int column, int end) const {
    if (Fast) return column < end ? widened(raw_.of[i][q]) : Eight{};
    return readEight(from_, place_.row + 8 * i, column, end);
  }

 private:
  const Vectors &from_;
  int rows_;
  FragmentPlace place_;
  Fragment raw_;
};

// The operands of the epilogue; `aligned` tells of all of them.
struct CalibratedOutput {
  EpilogueArguments epilogue;
  Vectors cached;
  bool aligned;
  int rows;
};
inline CalibratedOutput outputOf(const BoundOp &b) {
  const auto fits = [](const Matrix &m) { return !m.at || isAligned(m); };
  return {epilogueOf(b), vectorsOf(b.cachedOutput), fits(b.cachedOutput) && fits(b.residual) && fits(b.gate) && isAligned(b.out),
          static_cast<int>(b.out.rows)};
}

// epilogue(cached + sum) of eight aligned columns.
__device__ __forceinline__ void finishEight(const EpilogueArguments &e, int row, int image, int column, Eight y, const Eight &cached) {
#pragma unroll
  for (int i = 0; i < 8; i++) y.at[i] += cached.at[i];
  withActivation(e.kind, [&](auto f) {
#pragma unroll
    for (int i = 0; i < 8; i++) y.at[i] = f(y.at[i]);
  });
  if (e.gate.at) {
    Eight residual{};
    if (e.residual.at) residual = readEight({e.residual, true}, row, column, column + 8);
    const Eight gate = readEight({e.gate, true}, image, column, column + 8);
#pragma unroll
    for (int i = 0; i < 8; i++) y.at[i] = residual.at[i] + gate.at[i] * y.at[i];
  }
  writeEight(e.out, row, column, y);
}

// Columns from `column` to `end` of an eight, each by itself.
__device__ __forceinline__ void finishSome(const EpilogueArguments &e, int row, int column, int end, Eight sum) {
#pragma unroll 1
  for (int i = 0; i < 8; i++) {
    if (column + i < end) finish(e, row, column + i, sum.at[0]);
    moveUp(sum);
  }
}

// What becomes of the sums of 64 columns: the output. Its column is that of the weight's row plus `shift`.
template <bool Fast>
class FinishOutput {
 public:
  __device__ __forceinline__ FinishOutput(const CalibratedOutput &output, int shift, int columns, const FragmentPlace &place)
      : output_(output), cached_(output.cached, output.rows, place), shift_(shift), end_(shift + columns), place_(place) {
    for (int i = 0; i < 2; i++) images_[i] = (place.row + 8 * i) / static_cast<int>(output.epilogue.perImage);
  }
  __device__ __forceinline__ void fetch(int column) {
    if (isVector()) cached_.fetch(shift_ + column, end_);
  }
  __device__ __forceinline__ void finish(int column, const ChunkSums &sums) const {
#pragma unroll
    for (int i = 0; i < 2; i++) {
      const int row = place_.row + 8 * i;
      if (row >= output_.rows) continue;
#pragma unroll
      for (int q = 0; q < 2; q++) {
        const int at = shift_ + column + 32 * q + place_.eight;
        const Eight sum = eightOf(sums, i, q);
        if (isVector() && at + 8 <= end_) {
          finishEight(output_.epilogue, row, images_[i], at, sum, cached_.take(i, q, at, end_));
        } else {
          finishSome(output_.epilogue, row, at, end_, sum);
        }
      }
    }
  }

 private:
  const CalibratedOutput &output_;
  CachedOutput<Fast> cached_;
  int shift_, end_;
  FragmentPlace place_;
  int images_[2];

  __device__ __forceinline__ bool isVector() const { return (Fast || output_.aligned) && shift_ % 8 == 0; }
};

// Rows [first, end) of a weight times the hidden values, 64 at a time, each finished as `finish` does.
template <int Threads, class Hidden, class Finish>
__device__ __forceinline__ void projectUp(const WeightRows &up, int first, int end, const Hidden &hidden, Finish &finish, unsigned char *slots) {
  ChunkStream<Threads, UpSequence> chunks(slots, {up, first, end});
  for (int column = first; column < end; column += kChunk) {
    finish.fetch(column);
    ChunkSums sums;
    clear(sums);
    for (int rank = 0; rank < up.columns; rank += kChunk) {
      const Fragment a = hidden.read(rank);
      multiplyChunk(sums, a, chunks.next());
    }
    finish.finish(column, sums);
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
