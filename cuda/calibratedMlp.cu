// A scattered MLP: y1 = C(y1) + Wa1 (Wb1 (x - C(x))); out = epilogue(C(y2) + Wa2 (Wb2 (gelu(y1) - gelu(C(y1))))).
#include "calibrated/exact.cuh"
#include "calibrated/mlp.cuh"
#include "calibratedMlpHopper.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// Chunks of 64 ranks that the wider of both pairs needs.
int chunksOf(const BoundOp &b) { return static_cast<int>(divideUp(std::max(b.factors[0].down.rows, b.factors[1].down.rows), kChunk)); }

bool isFastPreActivation(const BoundOp &b) { return isFastInput(b.cachedPreActivation, {}); }
bool isFast(const BoundOp &b) { return isFastInput(b.x, b.cachedInput) && isFastPreActivation(b) && isFastOutput(b); }

// One of the pairs alone.
Pairs pairOf(const BoundOp &b, int i) {
  const auto &[down, up] = b.factors[static_cast<size_t>(i)];
  Pairs pairs{};
  pairs.count = 1;
  pairs.hiddenColumns = static_cast<int>(roundUp(down.rows, 8));
  pairs.at[0] = {weightsOf(down), weightsOf(up), 0, 0, 0};
  return pairs;
}

enum class Form {
  fused,   // one kernel; a block is 64 or 128 rows
  middle,  // Down, then a kernel from h1 to h2 whose blocks share the hidden layer too, then Up
  stored,  // Down, Up, Down, Up with the increment of the hidden layer stored between
};

// One kernel is for so many rows that each multiprocessor has a block of 64 of them (not measured). Ranks above 192 leave it too
// few registers, and those above 256 leave too few for the sums of fc2.
constexpr int kFusedChunks = 3, kMiddleChunks = 4;
Form formOf(const BoundOp &b, const Chip &chip) {
  if (chunksOf(b) > kMiddleChunks) return Form::stored;
  const bool manyRows = b.x.rows >= int64_t{64} * chip.multiprocessors;
  return manyRows && chunksOf(b) <= kFusedChunks ? Form::fused : Form::middle;
}

// ---- One kernel ----------------------------------------------------------------------------------------------------

template <int Chunks, int Warps, bool Fast>
void launchFused(const MlpArguments &a, const LaunchContext &context) {
  const dim3 grid(static_cast<unsigned>(divideUp(a.input.rows, Warps * 16)));
  launch(mlpKernel<Chunks, Warps, Fast>, grid, dim3(Warps * 32), kSlotsBytes + ownHiddenBytes(Chunks, Warps * 32), context, a);
}

void launchFused(const BoundOp &b, const LaunchContext &context) {
  const auto &[down1, up1] = b.factors[0];
  const auto &[down2, up2] = b.factors[1];
  const MlpArguments a{inputOf(b),      weightsOf(down1), weightsOf(up1), weightsOf(down2),
                       weightsOf(up2), vectorsOf(b.cachedPreActivation), outputOf(b)};
  // Blocks of 128 rows read weights half as often.
  const bool large = b.x.rows >= int64_t{128} * context.chip.multiprocessors;
  withChunks(chunksOf(b), [&](auto chunks) {
    constexpr int kChunks = std::min(decltype(chunks)::value, kFusedChunks);
    if (!isFast(b))
      launchFused<kChunks, 4, false>(a, context);
    else if (large)
      launchFused<kChunks, 8, true>(a, context);
    else
      launchFused<kChunks, 4, true>(a, context);
  });
}

// ---- Down, middle, Up ----------------------------------------------------------------------------------------------

int columnsOfPart(const BoundOp &b, const Chip &chip) {
  return depthOfPart(b.cachedPreActivation.columns, divideUp(b.x.rows, kSplitRows), chip);
}
int partsOf(const BoundOp &b, const Chip &chip) { return static_cast<int>(divideUp(b.cachedPreActivation.columns, columnsOfPart(b, chip))); }

struct MiddleScratch {
  HiddenRows hidden1, hidden2;
};
MiddleScratch takeMiddle(ScratchSpace &scratch, const BoundOp &b, const Chip &chip) {
  const HiddenRows hidden1 = takeHidden(scratch, pairOf(b, 0), inputOf(b), chip);
  return {hidden1, takeHidden(scratch, pairOf(b, 1), inputOf(b).rows, partsOf(b, chip))};
}

void launchMiddle(const BoundOp &b, const LaunchContext &context) {
  ScratchSpace scratch(context.scratch);
  const auto [hidden1, hidden2] = takeMiddle(scratch, b, context.chip);
  const Pairs fc1 = pairOf(b, 0), fc2 = pairOf(b, 1);
  launchDown(inputOf(b), fc1, isFastInput(b.x, b.cachedInput), hidden1, context);
  const int rows = inputOf(b).rows;
  const MiddleArguments a{fc1.at[0].up, fc2.at[0].down, vectorsOf(b.cachedPreActivation), rows,
                          hidden1,      hidden2,        fc1.at[0].down.rows,              columnsOfPart(b, context.chip)};
  const int parts = partsOf(b, context.chip);
  const dim3 grid(parts, static_cast<unsigned>(divideUp(b.x.rows, kSplitRows)));
  withChunks(chunksOf(b), [&](auto chunks) {
    withFast(isFastPreActivation(b), [&](auto isFast) {
      constexpr int kChunks = decltype(chunks)::value;
      launch(middleKernel<kChunks, decltype(isFast)::value>, grid, dim3(kSplitThreads), kSlotsBytes + ownHiddenBytes(kChunks, kSplitThreads),
             context, a);
    });
  });
  if (parts > 1) launchReduce(Vectors{}, rows, fc2, hidden2, parts, context);
  launchUp(fc2, outputOf(b), isFastOutput(b), hidden2, context);
}

// ---- On sm_90a -------------------------------------------------------------------------------------------------------

MiddleScratch takeHopperMiddle(ScratchSpace &scratch, const BoundOp &b, const Chip &chip) {
  const HiddenRows hidden1 = takeHidden(scratch, pairOf(b, 0), inputOf(b), chip);
  const int parts = mlpParts(b.x.rows, b.cachedPreActivation.columns, chip.multiprocessors).parts;
  return {hidden1, takeHidden(scratch, pairOf(b, 1), inputOf(b).rows, parts)};
}

// False, and nothing of use is launched, where the kernels of every chip have to do it.
bool launchHopper(const BoundOp &b, const LaunchContext &context) {
  if (takesMlpHopper(b, context.chip)) return launchMlpHopper(b, context);
  if (!takesMlpMiddleHopper(b, context.chip)) return false;
  ScratchSpace scratch(context.scratch);
  const auto [hidden1, hidden2] = takeHopperMiddle(scratch, b, context.chip);
  const Pairs fc2 = pairOf(b, 1);
  launchDown(inputOf(b), pairOf(b, 0), isFastInput(b.x, b.cachedInput), hidden1, context);
  if (!launchMlpMiddleHopper(b, hidden1, hidden2, context)) return false;
  const int parts = mlpParts(b.x.rows, b.cachedPreActivation.columns, context.chip.multiprocessors).parts;
  if (parts > 1) launchReduce(Vectors{}, inputOf(b).rows, fc2, hidden2, parts, context);
  launchUp(fc2, outputOf(b), isFastOutput(b), hidden2, context);
  return true;
}

// ---- Down, Up, Down, Up --------------------------------------------------------------------------------------------

// The increment of the hidden layer; what fills its rows to a multiple of eight is 0.
Matrix deltaIn(void *at, const BoundOp &b) {
  const int64_t columns = roundUp(b.cachedPreActivation.columns, 8);
  return {at, columns, b.x.rows, columns, kHalfType};
}
CalibratedInput deltaInput(const Matrix &delta) {
  return {vectorsOf(delta), {}, {}, static_cast<int>(delta.rows), static_cast<int>(delta.columns)};
}

struct StoredScratch {
  HiddenRows hidden1, hidden2;
  Matrix delta;
};
StoredScratch takeStored(ScratchSpace &scratch, const BoundOp &b, const Chip &chip) {
  const HiddenRows hidden1 = takeHidden(scratch, pairOf(b, 0), inputOf(b), chip);
  const Matrix shape = deltaIn(nullptr, b);
  const HiddenRows hidden2 = takeHidden(scratch, pairOf(b, 1), deltaInput(shape), chip);
  return {hidden1, hidden2, deltaIn(scratch.take<Half>(shape.rows * shape.stride), b)};
}

void launchStored(const BoundOp &b, const LaunchContext &context) {
  ScratchSpace scratch(context.scratch);
  const auto [hidden1, hidden2, delta] = takeStored(scratch, b, context.chip);
  const Pairs fc1 = pairOf(b, 0), fc2 = pairOf(b, 1);
  launchDown(inputOf(b), fc1, isFastInput(b.x, b.cachedInput), hidden1, context);
  const DeltaArguments a{hidden1, fc1.at[0].up, vectorsOf(b.cachedPreActivation), operandOf(delta), inputOf(b).rows, fc1.at[0].down.rows};
  const dim3 grid(static_cast<unsigned>(divideUp(a.up.rows, kChunk)), static_cast<unsigned>(divideUp(b.x.rows, kSplitRows)));
  withFast(isFastPreActivation(b), [&](auto isFast) {
    launch(deltaKernel<decltype(isFast)::value>, grid, dim3(kSplitThreads), kSlotsBytes, context, a);
  });
  launchDown(deltaInput(delta), fc2, true, hidden2, context);
  launchUp(fc2, outputOf(b), isFastOutput(b), hidden2, context);
}

// ---- float32 throughout --------------------------------------------------------------------------------------------

struct StoreExactDelta {
  Operand delta, preActivation;
  __device__ __forceinline__ void operator()(int64_t row, int64_t column, float sum) const {
    const float c = preActivation.read(row, column);
    delta.write(row, column, geluDifference(c + sum, c));
  }
};

struct ExactScratch {
  Operand hidden1, delta, hidden2;
};
ExactScratch takeExact(ScratchSpace &scratch, const BoundOp &b) {
  const int64_t rows = std::min(kExactRows, b.x.rows);
  const auto take = [&](int64_t columns) { return Operand{scratch.take<float>(rows * columns), columns, false}; };
  const Operand hidden1 = take(b.factors[0].down.rows), delta = take(b.cachedPreActivation.columns);
  return {hidden1, delta, take(b.factors[1].down.rows)};
}

void launchExactly(const BoundOp &b, const LaunchContext &context) {
  ScratchSpace scratch(context.scratch);
  const auto [hidden1, delta, hidden2] = takeExact(scratch, b);
  const auto &[down1, up1] = b.factors[0];
  const auto &[down2, up2] = b.factors[1];
  for (int64_t row = 0; row < b.x.rows; row += kExactRows) {
    const int64_t rows = std::min(kExactRows, b.x.rows - row);
    launchExactDown(b, down1, row, rows, 0, hidden1, context);
    launchExact(ExactProduct{hidden1, {}, operandOf(up1), rows, up1.rows, up1.depth}, StoreExactDelta{delta, rowsFrom(b.cachedPreActivation, row)},
                context);
    launchExact(ExactProduct{delta, {}, operandOf(down2), rows, down2.rows, down2.depth}, StoreExactHidden{hidden2, {}, 0, 0}, context);
    launchExactUp(b, up2, row, rows, 0, hidden2, context);
  }
}

// As many bytes as `take` takes.
template <class Take>
int64_t scratchBytes(Take take) {
  ScratchSpace scratch(nullptr);
  take(scratch);
  return scratch.bytes();
}

int64_t scratch(const BoundOp &b, const Chip &chip) {
  const auto ofEveryChip = [&](ScratchSpace &scratch) {
    if (b.factors[0].down.type != kHalfType)
      takeExact(scratch, b);
    else if (formOf(b, chip) == Form::middle)
      takeMiddle(scratch, b, chip);
    else if (formOf(b, chip) == Form::stored)
      takeStored(scratch, b, chip);
  };
  const auto ofHopper = [&](ScratchSpace &scratch) {
    if (takesMlpMiddleHopper(b, chip) && !takesMlpHopper(b, chip)) takeHopperMiddle(scratch, b, chip);
  };
  // The driver may refuse tensor maps at the launch.
  return std::max(scratchBytes(ofEveryChip), scratchBytes(ofHopper));
}

void launchAll(const BoundOp &b, const LaunchContext &context) {
  if (b.factors[0].down.type != kHalfType) return launchExactly(b, context);
  if (launchHopper(b, context)) return;
  switch (formOf(b, context.chip)) {
    case Form::fused:
      return launchFused(b, context);
    case Form::middle:
      return launchMiddle(b, context);
    case Form::stored:
      return launchStored(b, context);
  }
}

}  // namespace

const CudaKernel kCalibratedMlp = {scratch, launchAll};

}  // namespace incache::cuda::INCACHE_STORAGE
