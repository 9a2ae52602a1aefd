// The epilogue over a tile of sums in shared memory: whole lines of memory at once, four columns a thread.
#pragma once
#include "fours.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct TileEpilogue {
  EpilogueArguments e;
  bool fours;  // every operand allows them
};

inline TileEpilogue tileEpilogueOf(const BoundOp &b) {
  bool fours = true;
  for (const Matrix *m : {&b.bias, &b.cachedOutput, &b.store, &b.residual, &b.gate, &b.out}) fours = fours && allowsFours(*m);
  return {epilogueOf(b), fours};
}

__device__ __forceinline__ void addFour(Four &sums, const Four &v) {
#pragma unroll
  for (int i = 0; i < 4; i++) sums.at[i] += v.at[i];
}
template <class F>
__device__ __forceinline__ void eachOfFour(Four &values, F f) {
#pragma unroll
  for (int i = 0; i < 4; i++) values.at[i] = f(values.at[i]);
}

// What of an element comes from memory that nobody has just read: worth loading early.
__device__ __forceinline__ Four loadAhead(const EpilogueArguments &e, int64_t row, int64_t column) {
  if (e.residual.at) return readFour(e.residual, row, column);
  return {};
}

// What finish() does (epilogue.cuh), for four columns at once.
__device__ __forceinline__ void finishFour(const EpilogueArguments &e, int64_t row, int64_t column, Four sums, const Four &residual) {
  if (e.bias.at) addFour(sums, readFour(e.bias, 0, column));
  if (e.cachedOutput.at) addFour(sums, readFour(e.cachedOutput, row, column));
  if (e.store.at) {
    eachOfFour(sums, [&](float y) { return e.store.rounded(y); });
    writeFour(e.store, row, column, sums);
  }
  withActivation(e.kind, [&](auto f) { eachOfFour(sums, f); });
  // The residual is 0 where there is none.
  if (e.gate.at) {
    const Four gate = readFour(e.gate, row / e.perImage, column);
#pragma unroll
    for (int i = 0; i < 4; i++) sums.at[i] = residual.at[i] + gate.at[i] * sums.at[i];
  } else if (e.residual.at) {
    addFour(sums, residual);
  }
  writeFour(e.out, row, column, sums);
}

// Rows x Columns sums, a row of them every `Stride` floats, are those of (row, column) on; `rows` and `columns` of them exist.
// By `Threads` threads, of which this is `thread`, after the sums have been written and these have met.
template <int Rows, int Columns, int Stride, int Threads>
__device__ __forceinline__ void finishTile(const TileEpilogue &epilogue, const float *sums, int64_t row, int64_t column, int rows, int columns,
                                           int thread) {
  constexpr int kFoursAcross = Columns / 4, kRowsAtOnce = Threads / kFoursAcross, kTurns = Rows / kRowsAtOnce;
  constexpr int kAhead = kTurns < 4 ? kTurns : 4;
  static_assert(Threads % kFoursAcross == 0 && Rows % kRowsAtOnce == 0 && kTurns % kAhead == 0, "every thread finishes as many fours");
  const int ownRow = thread / kFoursAcross, ownColumn = thread % kFoursAcross * 4;
  if (epilogue.fours && ownColumn + 4 <= columns) {
#pragma unroll 1
    for (int i = ownRow; i < Rows; i += kAhead * kRowsAtOnce) {
      Four residual[kAhead];
#pragma unroll
      for (int turn = 0; turn < kAhead; turn++)
        if (i + turn * kRowsAtOnce < rows) residual[turn] = loadAhead(epilogue.e, row + i + turn * kRowsAtOnce, column + ownColumn);
#pragma unroll
      for (int turn = 0; turn < kAhead; turn++) {
        const int own = i + turn * kRowsAtOnce;
        const float4 v = *reinterpret_cast<const float4 *>(sums + own * Stride + ownColumn);
        if (own < rows) finishFour(epilogue.e, row + own, column + ownColumn, {{v.x, v.y, v.z, v.w}}, residual[turn]);
      }
    }
    return;
  }
  // Operands that do not allow fours, and the last columns of an odd width.
  const int end = columns - ownColumn < 4 ? columns - ownColumn : 4;
#pragma unroll 1
  for (int i = ownRow; i < Rows && i < rows; i += kRowsAtOnce)
#pragma unroll 1
    for (int j = 0; j < end; j++) finish(epilogue.e, row + i, column + ownColumn + j, sums[i * Stride + ownColumn + j]);
}

}  // namespace incache::cuda::INCACHE_STORAGE
