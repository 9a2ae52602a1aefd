// WeightRows pass through shared memory in chunks of 64 rows and 64 columns of Half; every product is one of chunks.
#pragma once
#include "pieces.cuh"

namespace incache::cuda::INCACHE_STORAGE {

constexpr int kChunk = 64, kChunkBytes = kChunk * kChunk * 2;
// Chunks that are resident or under way.
constexpr int kSlots = 4, kSlotsBytes = kSlots * kChunkBytes;

// A weight in Half; `columns` counts the zeros that fill its rows.
struct WeightRows {
  const Half *at;
  int rows, columns;
};
inline WeightRows weightsOf(const Panels &w) {
  return {reinterpret_cast<const Half *>(w.at), static_cast<int>(w.rows), static_cast<int>(weightStride(w.depth))};
}

struct Chunk {
  WeightRows weight;
  int row, column;
};

// Row `place` of a chunk in shared memory is row orderOf(place) of the weight's: sums that a lane gets from four products that
// follow each other are then eight columns that follow each other.
__device__ __forceinline__ int orderOf(int place) {
  return place / 32 * 32 + place % 8 / 2 * 8 + place % 32 / 8 * 2 + place % 2;
}
// Rows are 128 bytes. The halves of odd rows change places: then the eight lanes that read at a time (two rows, four pieces each)
// find all of them in different banks.
__device__ __forceinline__ int pieceAt(int row, int piece) { return row * 128 + (piece ^ row % 2 * 4) * 16; }

// Begins to copy a chunk; what is outside of the weight becomes 0.
template <int Threads>
__device__ __forceinline__ void copyChunk(unsigned char *slot, const Chunk &chunk) {
  constexpr int kRowsAtOnce = Threads / 8;
  const int place = threadIdx.x / 8, piece = threadIdx.x % 8;
  const int row = chunk.row + orderOf(place), column = chunk.column + piece * 8;
  const Half *from = chunk.weight.at + static_cast<int64_t>(row) * chunk.weight.columns + column;
  unsigned char *to = slot + pieceAt(place, piece);
#pragma unroll 2
  for (int i = 0; i < kChunk; i += kRowsAtOnce) {
    // The order only moves bits about: that of a sum is the sum of those of its parts.
    const int further = orderOf(i);
    const bool valid = row + further < chunk.weight.rows && column < chunk.weight.columns;
    copyAsync16(to + i * 128, valid ? from + further * chunk.weight.columns : chunk.weight.at, valid);
  }
}

// The chunks of a Sequence (bool next(Chunk &), false after the last) in turn, copied kSlots - 1 ahead of their use.
template <int Threads, class Sequence>
class ChunkStream {
 public:
  // What the slots held before must have been used by all threads once this is called by one of them.
  __device__ __forceinline__ ChunkStream(unsigned char *slots, const Sequence &sequence) : slots_(slots), sequence_(sequence) {
    synchronizeBlock();
    for (int i = 0; i < kSlots - 1; i++) copyNext();
  }
  // The next chunk. Its predecessor is given up: all threads have come here, so that its slot can be filled again.
  __device__ __forceinline__ const unsigned char *next() {
    waitCopies<kSlots - 2>();
    synchronizeBlock();
    const unsigned char *chunk = slots_ + used_ * kChunkBytes;
    used_ = (used_ + 1) % kSlots;
    copyNext();
    return chunk;
  }

 private:
  unsigned char *slots_;
  Sequence sequence_;
  int filled_ = 0, used_ = 0;

  __device__ __forceinline__ void copyNext() {
    Chunk chunk;
    if (sequence_.next(chunk)) copyChunk<Threads>(slots_ + filled_ * kChunkBytes, chunk);
    filled_ = (filled_ + 1) % kSlots;
    // Empty ones too: groups are counted.
    commitCopies();
  }
};

// A warp's 16 rows and 64 columns of operands and sums: of 32 q columns on, row g (i = 0) or g + 8 (i = 1).
struct Fragment {
  Piece of[2][2];  // [i][q]
};
typedef float ChunkSums[8][4];

__device__ __forceinline__ Eight eightOf(const ChunkSums &sums, int i, int q) {
  Eight v;
#pragma unroll
  for (int j = 0; j < 4; j++) {
    v.at[2 * j] = sums[4 * q + j][2 * i];
    v.at[2 * j + 1] = sums[4 * q + j][2 * i + 1];
  }
  return v;
}
__device__ __forceinline__ void clear(ChunkSums &sums) {
#pragma unroll
  for (int j = 0; j < 8; j++)
#pragma unroll
    for (int i = 0; i < 4; i++) sums[j][i] = 0;
}

// sums += a times the transpose of a chunk.
__device__ __forceinline__ void multiplyChunk(ChunkSums &sums, const Fragment &a, const unsigned char *chunk) {
  const int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
#pragma unroll
  for (int q = 0; q < 2; q++) {
    const Piece &low = a.of[0][q], &high = a.of[1][q];
    const uint32_t first[4] = {low.word[0], high.word[0], low.word[1], high.word[1]};
    const uint32_t second[4] = {low.word[2], high.word[2], low.word[3], high.word[3]};
    const unsigned char *at = chunk + pieceAt(g, 4 * q + t);
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const Piece b = *reinterpret_cast<const Piece *>(at + j * 8 * 128);
      multiply16x8x16(sums[j], first, {b.word[0], b.word[1]});
      multiply16x8x16(sums[j], second, {b.word[2], b.word[3]});
    }
  }
}

}  // namespace incache::cuda::INCACHE_STORAGE
