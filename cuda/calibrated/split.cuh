// The low-rank branch in two kernels, Down and Up, with the hidden values in scratch between them: what their launches share.
#pragma once
#include <algorithm>
#include <type_traits>

#include "hiddenRows.h"
#include "up.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// Blocks of the split form: 64 rows.
constexpr int kSplitThreads = 128, kSplitRows = kSplitThreads / 2;

// The pairs of a launch. Their hidden values lie side by side, each pair's from a multiple of eight on.
constexpr int kMostPairs = 4;
struct Pairs {
  int count, hiddenColumns;
  struct {
    WeightRows down, up;
    int hiddenFirst, cachedFirst, outputFirst;  // columns in scratch, in the rank form's cache and in the output
  } at[kMostPairs];
};

// Up to kMostPairs from pair `first` on.
inline Pairs pairsOf(const BoundOp &b, size_t first) {
  Pairs pairs{};
  int64_t cached = 0, output = 0;
  for (size_t i = 0; i < b.factors.size() && i < first + kMostPairs; i++) {
    const auto &[down, up] = b.factors[i];
    if (i >= first) {
      pairs.at[pairs.count++] = {weightsOf(down), weightsOf(up), pairs.hiddenColumns, static_cast<int>(cached), static_cast<int>(output)};
      pairs.hiddenColumns += static_cast<int>(roundUp(down.rows, 8));
    }
    cached += down.rows;
    output += up.rows;
  }
  return pairs;
}

// x, with C(x) in the input form or C(h) in the rank form.
struct CalibratedInput {
  Vectors x, cached, cachedHidden;
  int rows, depth;
};
inline CalibratedInput inputOf(const BoundOp &b) {
  return {vectorsOf(b.x), vectorsOf(b.cachedInput), vectorsOf(b.cachedHidden), static_cast<int>(b.x.rows), static_cast<int>(b.x.columns)};
}

// Whether operands suit the fast form of kernels (Increments, CachedOutput).
inline bool isFastInput(const Matrix &x, const Matrix &cached) {
  const auto fits = [](const Matrix &m) { return m.type == kHalfType && isAligned(m); };
  return fits(x) && (!cached.at || fits(cached)) && x.columns % 8 == 0;
}
inline bool isFastOutput(const BoundOp &b) { return b.cachedOutput.type == kHalfType && outputOf(b).aligned; }

// What was summed for ranks [first, ranks) of a pair.
template <int Chunks>
__device__ __forceinline__ void writeHidden(const ChunkSums (&sums)[Chunks], const HiddenRows &to, int part, const Vectors &cachedHidden,
                                            int rows, int hiddenFirst, int cachedFirst, int first, int ranks, const FragmentPlace &place) {
#pragma unroll
  for (int c = 0; c < Chunks; c++)
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int q = 0; q < 2; q++) {
        const int row = place.row + 8 * i, rank = first + c * kChunk + 32 * q + place.eight;
        if (row >= rows || rank >= ranks) continue;
        const Eight h = eightOf(sums[c], i, q);
        if (to.parts)
          writeEight({to.parts, to.columns, false}, static_cast<int64_t>(part) * rows + row, hiddenFirst + rank, h);
        else
          writeEight({to.values, to.columns, true}, row, hiddenFirst + rank, lessCached(h, cachedHidden, row, rank, ranks, cachedFirst));
      }
}

// Hidden values in global memory, of the one pair from column `first` on; other pairs' read as 0.
struct GlobalHidden {
  HiddenRows from;
  int first, ranks, rows;
  FragmentPlace place;

  __device__ __forceinline__ Fragment read(int rank) const {
    Fragment a;
#pragma unroll
    for (int i = 0; i < 2; i++)
#pragma unroll
      for (int q = 0; q < 2; q++) {
        const int at = rank + 32 * q + place.eight;
        const bool inside = place.row + 8 * i < rows && at < ranks;
        a.of[i][q] = inside ? readPiece({from.values, from.columns, true}, place.row + 8 * i, first + at) : Piece{};
      }
    return a;
  }
};

// The scratch of a launch, part after part; from null it only counts bytes.
class ScratchSpace {
 public:
  explicit ScratchSpace(char *at) : at_(at) {}
  template <class T>
  T *take(int64_t count) {
    T *taken = at_ ? reinterpret_cast<T *>(at_ + bytes_) : nullptr;
    bytes_ += roundUp(count * static_cast<int64_t>(sizeof(T)), 256);
    return taken;
  }
  int64_t bytes() const { return bytes_; }

 private:
  char *at_;
  int64_t bytes_ = 0;
};

// Parts of the depth, where row blocks and ranks alone give fewer blocks than the device has room for; none shorter than 256.
inline int depthOfPart(int64_t depth, int64_t blocks, const Chip &chip) {
  const int64_t parts = std::max<int64_t>(1, std::min(2 * chip.multiprocessors / blocks, depth / 256));
  return static_cast<int>(roundUp(divideUp(depth, parts), kChunk));
}

// A chunk count for the widest pair, and how many blocks of ranks all pairs then need.
struct DownShape {
  int chunks, tiles, depthOfPart, parts;
};
inline DownShape downShape(const Pairs &pairs, const CalibratedInput &input, const Chip &chip) {
  DownShape shape{};
  for (int i = 0; i < pairs.count; i++) shape.chunks = std::max(shape.chunks, static_cast<int>(divideUp(pairs.at[i].down.rows, kChunk)));
  shape.chunks = std::min(shape.chunks, 4);
  for (int i = 0; i < pairs.count; i++) shape.tiles += static_cast<int>(divideUp(pairs.at[i].down.rows, shape.chunks * kChunk));
  shape.depthOfPart = depthOfPart(input.depth, divideUp(input.rows, kSplitRows) * shape.tiles, chip);
  shape.parts = static_cast<int>(divideUp(input.depth, shape.depthOfPart));
  return shape;
}

inline HiddenRows takeHidden(ScratchSpace &scratch, const Pairs &pairs, int rows, int parts) {
  const int64_t count = static_cast<int64_t>(rows) * pairs.hiddenColumns;
  Half *values = scratch.take<Half>(count);
  return {values, parts > 1 ? scratch.take<float>(count * parts) : nullptr, pairs.hiddenColumns};
}
inline HiddenRows takeHidden(ScratchSpace &scratch, const Pairs &pairs, const CalibratedInput &input, const Chip &chip) {
  return takeHidden(scratch, pairs, input.rows, downShape(pairs, input, chip).parts);
}

// Calls with(constant) for the constant of 1 to 4 that `chunks` is.
template <class With>
void withChunks(int chunks, With with) {
  if (chunks == 1) with(std::integral_constant<int, 1>());
  if (chunks == 2) with(std::integral_constant<int, 2>());
  if (chunks == 3) with(std::integral_constant<int, 3>());
  if (chunks == 4) with(std::integral_constant<int, 4>());
}
template <class With>
void withFast(bool fast, With with) {
  if (fast)
    with(std::true_type());
  else
    with(std::false_type());
}

// The kernels (splitKernels.cuh), of which calibratedLinear.cu has the one instance.
//
// hidden = Wb (x - C(x)), less C(h) in the rank form. `fast` as isFastInput tells.
void launchDown(const CalibratedInput &input, const Pairs &pairs, bool fast, const HiddenRows &hidden, const LaunchContext &context);
// hidden = the sum of its parts, less C(h) where it is given.
void launchReduce(const Vectors &cachedHidden, int rows, const Pairs &pairs, const HiddenRows &hidden, int parts, const LaunchContext &context);
// out = epilogue(C(y) + Wa hidden). `fast` as isFastOutput tells.
void launchUp(const Pairs &pairs, const CalibratedOutput &output, bool fast, const HiddenRows &hidden, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
