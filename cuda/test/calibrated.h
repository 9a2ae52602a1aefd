// What the tests of calibratedLinear and calibratedMlp share.
#pragma once
#include <memory>

#include "check.h"

namespace incache::cuda::test {

// As `run`, by kernels that every chip has; so many multiprocessors decide which of them.
inline void runOn(int multiprocessors, const CudaKernel &kernel, const BoundOp &b) {
  runOn(Chip{80, multiprocessors, presentChip().sharedBytes}, kernel, b);
}

inline void fillNear(Tensor &x, const Tensor &cached, Random &random, float change) {
  for (int64_t i = 0; i < x.rows(); i++)
    for (int64_t j = 0; j < x.columns(); j++) x.set(i, j, static_cast<float>(cached.at(i, j)) + change * random.value());
}

// Values that the cache's type rounds to what it holds: an input that has not changed.
inline void fillEqual(Tensor &x, const Tensor &cached, Random &random) {
  const float change = cached.matrix().type != kHalfType ? 0 : kIsFloat16 ? 6e-5f : 5e-4f;
  for (int64_t i = 0; i < x.rows(); i++)
    for (int64_t j = 0; j < x.columns(); j++) x.set(i, j, static_cast<float>(cached.at(i, j)) * (1 + change * random.value()));
}

// Columns of the rank form's cache from `first` on: weight times C(x), as float32 or Half.
inline void fillHidden(Tensor &hidden, int64_t first, const Tensor &cachedInput, const Weight &down) {
  const std::vector<double> h = productOf(valuesOf(cachedInput), hidden.rows(), down);
  const int64_t ranks = down.panels().rows;
  for (int64_t i = 0; i < hidden.rows(); i++)
    for (int64_t r = 0; r < ranks; r++) hidden.set(i, first + r, static_cast<float>(h[static_cast<size_t>(i * ranks + r)]));
}

// x - C(x) as operations define it: x is first rounded to what the cache holds.
inline std::vector<double> incrementOf(const Tensor &x, const Tensor *cached) {
  std::vector<double> d = valuesOf(x);
  if (!cached) return d;
  const bool half = cached->matrix().type == kHalfType;
  const std::vector<double> c = valuesOf(*cached);
  for (size_t i = 0; i < d.size(); i++) d[i] = (half ? roundedHalf(d[i]) : d[i]) - c[i];
  return d;
}

// What a calibrated operation reads and writes beside its factors.
struct CalibratedOperands {
  const Tensor &x, &cachedInput, &cachedHidden, &cachedOutput, &residual, &gate, &out;
};
inline void bindOperands(BoundOp &bound, const CalibratedOperands &operands, bool rankForm, Epilogue epilogue) {
  bound.x = operands.x.matrix();
  if (rankForm)
    bound.cachedHidden = operands.cachedHidden.matrix();
  else
    bound.cachedInput = operands.cachedInput.matrix();
  bound.cachedOutput = operands.cachedOutput.matrix();
  if (epilogue == Epilogue::gateResidual) bound.residual = operands.residual.matrix();
  if (takesGate(epilogue)) bound.gate = operands.gate.matrix();
  bound.out = operands.out.matrix();
}

}  // namespace incache::cuda::test
