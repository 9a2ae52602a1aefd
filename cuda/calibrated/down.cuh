// The first product of the low-rank branch: h = Wb (x - C(x)), or Wb x - C(h) in the rank form.
#pragma once
#include "chunks.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// Reads x - C(x), or x where no C(x) is given, as Half. `Fast`: both are aligned and Half, the depth is a multiple of
// eight; then each step is fetched during the one before it.
template <bool Fast>
class Increments {
 public:
  __device__ __forceinline__ Increments(const Vectors &x, const Vectors &cached, int rows, int depth, const FragmentPlace &place)
      : x_(x), cached_(cached), rows_(rows), depth_(depth), place_(place) {}

  __device__ __forceinline__ void fetch(int column) {
    if constexpr (Fast)
#pragma unroll
      for (int i = 0; i < 2; i++)
#pragma unroll
        for (int q = 0; q < 2; q++) {
          const int at = column + 32 * q + place_.eight;
          const bool inside = place_.row + 8 * i < rows_ && at < depth_;
          raw_.of[i][q] = inside ? readPiece(x_.operand, place_.row + 8 * i, at) : Piece{};
          rawCached_.of[i][q] = inside && cached_.operand.at ? readPiece(cached_.operand, place_.row + 8 * i, at) : Piece{};
        }
  }
  // What was fetched last, from `column` on.
  __device__ __forceinline__ Fragment take(int column) const {
    Fragment result;
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int q = 0; q < 2; q++) result.of[i][q] = Fast ? difference(i, q) : read(place_.row + 8 * i, column + 32 * q + place_.eight);
    return result;
  }

 private:
  const Vectors &x_, &cached_;
  int rows_;
  int depth_;
  FragmentPlace place_;
  Fragment raw_, rawCached_;

  __device__ __forceinline__ Piece difference(int i, int q) const {
    const Eight c = widened(rawCached_.of[i][q]);
    Eight v = widened(raw_.of[i][q]);
#pragma unroll
    for (int e = 0; e < 8; e++) v.at[e] -= c.at[e];
    return narrowed(v);
  }
  __device__ __forceinline__ Piece read(int row, int column) const {
    if (row >= rows_ || column >= depth_) return {};
    Eight v = readEight(x_, row, column, depth_);
    if (cached_.operand.at) {
      const Eight c = readEight(cached_, row, column, depth_);
      // x is first rounded to what the cache holds, so that an input that has not changed leaves 0.
#pragma unroll
      for (int e = 0; e < 8; e++) v.at[e] = cached_.operand.rounded(v.at[e]) - c.at[e];
    }
    return narrowed(v);
  }
};

// Chunks of `count` times 64 rows of a weight from `first` on, column after column from `column` to `end`.
struct DownSequence {
  WeightRows weight;
  int first, count, column, end, chunk = 0;

  __device__ __forceinline__ bool next(Chunk &to) {
    if (column >= end) return false;
    to = {weight, first + chunk * kChunk, column};
    if (++chunk == count) {
      chunk = 0;
      column += kChunk;
    }
    return true;
  }
};

// The sums of Wb (x - C(x)) over columns [column, end) of x, for up to Chunks times 64 ranks from `first` on.
template <int Chunks, int Threads, bool Fast>
__device__ __forceinline__ void sumDown(ChunkSums (&sums)[Chunks], Increments<Fast> &x, const WeightRows &down, int first, int column, int end,
                                        unsigned char *slots) {
  const int count = min(Chunks, (down.rows - first + kChunk - 1) / kChunk);
  ChunkStream<Threads, DownSequence> chunks(slots, {down, first, count, column, end});
#pragma unroll
  for (int c = 0; c < Chunks; c++) clear(sums[c]);
  x.fetch(column);
  for (; column < end; column += kChunk) {
    const Fragment a = x.take(column);
    if (column + kChunk < end) x.fetch(column + kChunk);
#pragma unroll
    for (int c = 0; c < Chunks; c++)
      if (c < count) multiplyChunk(sums[c], a, chunks.next());
  }
}

// The eight ranks from `rank` on, less those of the rank form, whose first rank is column `cachedFirst` of it.
__device__ __forceinline__ Eight lessCached(Eight h, const Vectors &cachedHidden, int row, int rank, int ranks, int cachedFirst) {
  if (!cachedHidden.operand.at) return h;
  const Eight c = readEight(cachedHidden, row, cachedFirst + rank, cachedFirst + ranks);
#pragma unroll
  for (int e = 0; e < 8; e++) h.at[e] -= c.at[e];
  return h;
}

// Hidden values in shared memory, each read by the thread that has written it.
template <int Threads>
class OwnHidden {
 public:
  __device__ __forceinline__ explicit OwnHidden(unsigned char *at) : at_(at + threadIdx.x * 16) {}
  __device__ __forceinline__ Fragment read(int rank) const {
    Fragment a;
#pragma unroll
    for (int i = 0; i < 4; i++) a.of[i / 2][i % 2] = *pieceOf(rank / kChunk * 4 + i);
    return a;
  }
  __device__ __forceinline__ void write(int rank, const Fragment &a) const {
#pragma unroll
    for (int i = 0; i < 4; i++) *pieceOf(rank / kChunk * 4 + i) = a.of[i / 2][i % 2];
  }

 private:
  unsigned char *at_;
  __device__ __forceinline__ Piece *pieceOf(int place) const { return reinterpret_cast<Piece *>(at_ + place * Threads * 16); }
};
constexpr int64_t ownHiddenBytes(int chunks, int threads) { return static_cast<int64_t>(chunks) * 4 * threads * 16; }

// ChunkSums as the hidden values of the next product.
template <int Chunks, int Threads>
__device__ __forceinline__ void keepHidden(const ChunkSums (&sums)[Chunks], const OwnHidden<Threads> &hidden, const Vectors &cachedHidden,
                                           int rows, int ranks, int cachedFirst, const FragmentPlace &place) {
#pragma unroll
  for (int c = 0; c < Chunks; c++) {
    Fragment a;
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int q = 0; q < 2; q++) {
        const int row = place.row + 8 * i;
        const int rank = c * kChunk + 32 * q + place.eight;
        Eight h = eightOf(sums[c], i, q);
        if (row < rows && rank < ranks) h = lessCached(h, cachedHidden, row, rank, ranks, cachedFirst);
        a.of[i][q] = narrowed(h);
      }
    hidden.write(c * kChunk, a);
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
