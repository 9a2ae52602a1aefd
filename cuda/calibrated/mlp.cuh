// Between the linears of a scattered MLP: gelu(y1) - gelu(C(y1)), the increment of fc2's input.
#pragma once
#include "geluDifference.cuh"
#include "split.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// The increment of 64 columns whose sums Wa1 h1 are known, of which those before `end` are inside.
template <bool Fast>
__device__ __forceinline__ Fragment activate(const ChunkSums &sums, const CachedOutput<Fast> &cached, int column, int end, int rows,
                                             const FragmentPlace &place) {
  Fragment result;
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int q = 0; q < 2; q++) {
      Eight y = eightOf(sums, i, q);
      if (place.row + 8 * i < rows) {
        const Eight c = cached.take(i, q, column + 32 * q + place.eight, end);
#pragma unroll
        for (int e = 0; e < 8; e++) y.at[e] = geluDifference(c.at[e] + y.at[e], c.at[e]);
      }
      result.of[i][q] = narrowed(y);
    }
  return result;
}

// For 64 hidden columns after the other: the chunks of Wa1, then those of Wb2.
struct MlpSequence {
  WeightRows up, down;
  int downChunks, column, end, chunk = 0;

  __device__ __forceinline__ bool next(Chunk &to) {
    if (column >= end) return false;
    const int upChunks = (up.columns + kChunk - 1) / kChunk;
    to = chunk < upChunks ? Chunk{up, column, chunk * kChunk} : Chunk{down, (chunk - upChunks) * kChunk, column};
    if (++chunk == upChunks + downChunks) {
      chunk = 0;
      column += kChunk;
    }
    return true;
  }
};

// The sums of Wb2 (gelu(y1) - gelu(C(y1))) over hidden columns [column, end), y1 = C(y1) + Wa1 h1.
template <int Chunks, int Threads, bool Fast>
__device__ __forceinline__ void sumMiddle(ChunkSums (&sums)[Chunks], const WeightRows &up, const WeightRows &down, const OwnHidden<Threads> &hidden,
                                          const Vectors &preActivation, int rows, int column, int end, unsigned char *slots,
                                          const FragmentPlace &place) {
  const int downChunks = (down.rows + kChunk - 1) / kChunk;
  ChunkStream<Threads, MlpSequence> chunks(slots, {up, down, downChunks, column, end});
  CachedOutput<Fast> cached(preActivation, rows, place);
#pragma unroll
  for (int c = 0; c < Chunks; c++) clear(sums[c]);
  for (; column < end; column += kChunk) {
    cached.fetch(column, up.rows);
    ChunkSums y;
    clear(y);
    for (int rank = 0; rank < up.columns; rank += kChunk) {
      const Fragment a = hidden.read(rank);
      multiplyChunk(y, a, chunks.next());
    }
    const Fragment d = activate(y, cached, column, up.rows, rows, place);
#pragma unroll
    for (int c = 0; c < Chunks; c++)
      if (c < downChunks) multiplyChunk(sums[c], d, chunks.next());
  }
}

struct MlpArguments {
  CalibratedInput input;
  WeightRows down1, up1, down2, up2;
  Vectors preActivation;
  CalibratedOutput output;
};

// All of it in one kernel: a block has Warps times 16 rows.
template <int Chunks, int Warps, bool Fast>
__global__ void __launch_bounds__(Warps * 32, 1) mlpKernel(const __grid_constant__ MlpArguments a) {
  constexpr int kThreads = Warps * 32;
  const FragmentPlace place = placeOf(blockIdx.x * Warps * 16);
  unsigned char *slots = sharedMemory();
  const OwnHidden<kThreads> hidden(slots + kSlotsBytes);
  {
    Increments<Fast> x(a.input.x, a.input.cached, a.input.rows, a.input.depth, place);
    ChunkSums sums[Chunks];
    sumDown<Chunks, kThreads>(sums, x, a.down1, 0, 0, a.input.depth, slots);
    keepHidden(sums, hidden, a.input.cachedHidden, a.input.rows, a.down1.rows, 0, place);
  }
  {
    ChunkSums sums[Chunks];
    sumMiddle<Chunks, kThreads, Fast>(sums, a.up1, a.down2, hidden, a.preActivation, a.input.rows, 0, a.up1.rows, slots, place);
    keepHidden(sums, hidden, Vectors{}, a.input.rows, a.down2.rows, 0, place);
  }
  FinishOutput<Fast> finish(a.output, 0, a.up2.rows, place);
  projectUp<kThreads>(a.up2, 0, a.up2.rows, hidden, finish, slots);
}

struct MiddleArguments {
  WeightRows up, down;
  Vectors preActivation;
  int rows;
  HiddenRows from, to;
  int ranks, columnsOfPart;  // ranks of fc1
};

// From the hidden values of fc1 to those of fc2. A block: 64 rows, a part of the hidden layer.
template <int Chunks, bool Fast>
__global__ void __launch_bounds__(kSplitThreads) middleKernel(const __grid_constant__ MiddleArguments a) {
  const FragmentPlace place = placeOf(blockIdx.y * kSplitRows);
  unsigned char *slots = sharedMemory();
  const OwnHidden<kSplitThreads> hidden(slots + kSlotsBytes);
  const GlobalHidden given{a.from, 0, a.ranks, a.rows, place};
  for (int rank = 0; rank < a.ranks; rank += kChunk) hidden.write(rank, given.read(rank));
  const int column = blockIdx.x * a.columnsOfPart;
  ChunkSums sums[Chunks];
  sumMiddle<Chunks, kSplitThreads, Fast>(sums, a.up, a.down, hidden, a.preActivation, a.rows, column, min(column + a.columnsOfPart, a.up.rows),
                                         slots, place);
  writeHidden(sums, a.to, blockIdx.x, Vectors{}, a.rows, 0, 0, 0, a.down.rows, place);
}

// What becomes of the sums of 64 columns: the increment of fc2's input, stored.
template <bool Fast>
class FinishDelta {
 public:
  __device__ __forceinline__ FinishDelta(const Vectors &preActivation, const Operand &out, int columns, int rows, const FragmentPlace &place)
      : cached_(preActivation, rows, place), out_(out), columns_(columns), rows_(rows), place_(place) {}

  __device__ __forceinline__ void fetch(int column) { cached_.fetch(column, columns_); }
  __device__ __forceinline__ void finish(int column, const ChunkSums &sums) const {
    const Fragment d = activate(sums, cached_, column, columns_, rows_, place_);
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int q = 0; q < 2; q++) {
        const int at = column + 32 * q + place_.eight;
        if (place_.row + 8 * i < rows_ && at < columns_) writeEight(out_, place_.row + 8 * i, at, widened(d.of[i][q]));
      }
  }

 private:
  CachedOutput<Fast> cached_;
  const Operand &out_;
  int columns_;
  int rows_;
  FragmentPlace place_;
};

struct DeltaArguments {
  HiddenRows hidden;
  WeightRows up;
  Vectors preActivation;
  Operand out;
  int rows;
  int ranks;
};

// A block: 64 rows, 64 hidden columns. For ranks that leave no room for the sums of fc2.
template <bool Fast>
__global__ void __launch_bounds__(kSplitThreads) deltaKernel(const __grid_constant__ DeltaArguments a) {
  const FragmentPlace place = placeOf(blockIdx.y * kSplitRows);
  const int first = blockIdx.x * kChunk;
  FinishDelta<Fast> finish(a.preActivation, a.out, a.up.rows, a.rows, place);
  projectUp<kSplitThreads>(a.up, first, min(first + kChunk, a.up.rows), GlobalHidden{a.hidden, 0, a.ranks, a.rows, place}, finish, sharedMemory());
}

}  // namespace incache::cuda::INCACHE_STORAGE
