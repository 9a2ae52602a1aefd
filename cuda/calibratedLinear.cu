// out = epilogue(C(y) + Wa (Wb (x - C(x)))).
#include "calibrated/exact.cuh"
#include "calibrated/splitKernels.cuh"
#include "calibratedLinearHopper.h"
#include "calibratedLinearStacked.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct BackToBackArguments {
  CalibratedInput input;
  Pairs pairs;
  CalibratedOutput output;
};

// Both products in one kernel: a block has Warps times 16 rows of one pair; its hidden values never leave the multiprocessor.
template <int Chunks, int Warps, bool Fast>
__global__ void __launch_bounds__(Warps * 32, 1) backToBackKernel(const __grid_constant__ BackToBackArguments a) {
  constexpr int kThreads = Warps * 32;
  const auto &p = a.pairs.at[blockIdx.x];
  const FragmentPlace place = placeOf(blockIdx.y * Warps * 16);
  unsigned char *slots = sharedMemory();
  const OwnHidden<kThreads> hidden(slots + kSlotsBytes);
  {
    Increments<Fast> x(a.input.x, a.input.cached, a.input.rows, a.input.depth, place);
    ChunkSums sums[Chunks];
    sumDown<Chunks, kThreads>(sums, x, p.down, 0, 0, a.input.depth, slots);
    keepHidden(sums, hidden, a.input.cachedHidden, a.input.rows, p.down.rows, p.cachedFirst, place);
  }
  FinishOutput<Fast> finish(a.output, p.outputFirst, p.up.rows, place);
  projectUp<kThreads>(p.up, 0, p.up.rows, hidden, finish, slots);
}

// One kernel saves the round trip of the hidden values, but has only a block for each row block and pair: it is for so many
// rows that 64 of them are there for every multiprocessor, 7 to 9 thousand (from 6 to 13 thousand by estimate; not measured).
// Ranks above 192 leave it too few registers.
constexpr int kBackToBackChunks = 3;
bool isBackToBack(const BoundOp &b, const Chip &chip) {
  for (const BoundPair &pair : b.factors)
    if (pair.down.rows > kBackToBackChunks * kChunk) return false;
  return b.x.rows >= int64_t{64} * chip.multiprocessors;
}

bool isFast(const BoundOp &b) { return isFastInput(b.x, b.cachedInput) && isFastOutput(b); }

template <int Chunks, int Warps, bool Fast>
void launchBackToBack(const BackToBackArguments &a, const LaunchContext &context) {
  const dim3 grid(a.pairs.count, static_cast<unsigned>(divideUp(a.input.rows, Warps * 16)));
  launch(backToBackKernel<Chunks, Warps, Fast>, grid, dim3(Warps * 32), kSlotsBytes + ownHiddenBytes(Chunks, Warps * 32), context, a);
}

void launchBackToBack(const BoundOp &b, const Pairs &pairs, const LaunchContext &context) {
  const BackToBackArguments a{inputOf(b), pairs, outputOf(b)};
  // Blocks of 128 rows read weights half as often.
  const bool large = b.x.rows >= int64_t{128} * context.chip.multiprocessors;
  withChunks(downShape(pairs, a.input, context.chip).chunks, [&](auto chunks) {
    constexpr int kChunks = std::min(decltype(chunks)::value, kBackToBackChunks);
    if (!isFast(b))
      launchBackToBack<kChunks, 4, false>(a, context);
    else if (large)
      launchBackToBack<kChunks, 8, true>(a, context);
    else
      launchBackToBack<kChunks, 4, true>(a, context);
  });
}

void launchSplit(const BoundOp &b, const Pairs &pairs, const LaunchContext &context) {
  const CalibratedInput input = inputOf(b);
  ScratchSpace scratch(context.scratch);
  const HiddenRows hidden = takeHidden(scratch, pairs, input, context.chip);
  launchDown(input, pairs, isFastInput(b.x, b.cachedInput), hidden, context);
  launchUp(pairs, outputOf(b), isFastOutput(b), hidden, context);
}

int64_t exactHidden(const BoundOp &b) {
  int64_t most = 0;
  for (const BoundPair &pair : b.factors) most = std::max(most, pair.down.rows);
  return most;
}

void launchExactly(const BoundOp &b, const LaunchContext &context) {
  for (int64_t row = 0; row < b.x.rows; row += kExactRows) {
    const int64_t rows = std::min(kExactRows, b.x.rows - row);
    int64_t rank = 0, column = 0;
    for (const auto &[down, up] : b.factors) {
      const Operand hidden{context.scratch, down.rows, false};
      launchExactDown(b, down, row, rows, rank, hidden, context);
      launchExactUp(b, up, row, rows, column, hidden, context);
      rank += down.rows;
      column += up.rows;
    }
  }
}

int64_t scratch(const BoundOp &b, const Chip &chip) {
  if (b.factors[0].down.type != kHalfType) return std::min(kExactRows, b.x.rows) * exactHidden(b) * 4;
  if (isBackToBack(b, chip)) return 0;
  int64_t most = 0;
  for (size_t first = 0; first < b.factors.size(); first += kMostPairs) {
    ScratchSpace scratch(nullptr);
    takeHidden(scratch, pairsOf(b, first), inputOf(b), chip);
    most = std::max(most, scratch.bytes());
  }
  return most;
}

void launchAll(const BoundOp &b, const LaunchContext &context) {
  if (b.factors[0].down.type != kHalfType) return launchExactly(b, context);
  if (context.chip.computeCapability == 90 && (launchCalibratedLinearStacked(b, context) || launchCalibratedLinearHopper(b, context))) return;
  for (size_t first = 0; first < b.factors.size(); first += kMostPairs)
    if (isBackToBack(b, context.chip))
      launchBackToBack(b, pairsOf(b, first), context);
    else
      launchSplit(b, pairsOf(b, first), context);
}

}  // namespace

const CudaKernel kCalibratedLinear = {scratch, launchAll};

}  // namespace incache::cuda::INCACHE_STORAGE
