// What the tests of calibratedMlp share: one operation on random operands, and what float64 makes of them.
#pragma once
#include "calibrated.h"

namespace incache::cuda::test {

struct MlpCase {
  const char *name;
  int64_t rows, depth, rank1, hidden, rank2, columns;
  int multiprocessors = 100;
  int64_t margin = 8;
  bool halfWeights = true;
  incache_type type = kHalfType;  // of x, the caches and out
  bool floatInput = false;  // x in float32, whatever the type of its cache
  bool rankForm = false;
  Epilogue epilogue = Epilogue::none;
  int computeCapability = 80;
  bool wholePieces = false;  // rows of all Half operands begin at multiples of 16 bytes, whatever their width
};

class MlpTrial {
 public:
  MlpTrial(const MlpCase &c, bool zeroOutput, incache_type outType)
      : case_(c), random_(11), images_(c.rows % 2 == 0 ? 2 : 1),
        x_(c.rows, c.depth, c.floatInput ? INCACHE_F32 : c.type, c.margin, fill(c.depth)),
        cachedInput_(c.rows, c.depth, c.type, c.margin, fill(c.depth)), cachedHidden_(c.rows, c.rank1, INCACHE_F32, c.margin),
        preActivation_(c.rows, c.hidden, c.type, c.margin, fill(c.hidden)),
        cachedOutput_(c.rows, c.columns, c.type, c.margin, fill(c.columns)), residual_(c.rows, c.columns, INCACHE_F32, c.margin),
        gate_(images_, c.columns, INCACHE_F32, c.margin), out_(c.rows, c.columns, outType, c.margin), down1_(c.rank1, c.depth, c.halfWeights),
        up1_(c.hidden, c.rank1, c.halfWeights), down2_(c.rank2, c.hidden, c.halfWeights), up2_(c.columns, c.rank2, c.halfWeights) {
    cachedInput_.fill(random_);
    fillNear(x_, cachedInput_, random_, 0.2f);
    preActivation_.fill(random_, 2.0f);
    cachedOutput_.fill(random_, zeroOutput ? 0.0f : 1.0f);
    residual_.fill(random_);
    gate_.fill(random_);
    for (Weight *weight : {&down1_, &up1_, &down2_, &up2_}) weight->fill(random_, 2.0f / std::sqrt(static_cast<float>(weight->panels().depth)));
    fillHidden(cachedHidden_, 0, cachedInput_, down1_);
    op_.epilogue = c.epilogue;
    bound_.op = &op_;
    bindOperands(bound_, {x_, cachedInput_, cachedHidden_, cachedOutput_, residual_, gate_, out_}, c.rankForm, c.epilogue);
    bound_.cachedPreActivation = preActivation_.matrix();
    bound_.factors = {{down1_.panels(), up1_.panels()}, {down2_.panels(), up2_.panels()}};
  }

  Chip chip() const { return {case_.computeCapability, case_.multiprocessors, presentChip().sharedBytes}; }
  void runOnce() { runOn(chip(), kCalibratedMlp, bound_); }
  BoundOp &bound() { return bound_; }

  std::vector<double> expected() const {
    const int64_t rows = case_.rows;
    std::vector<double> h = productOf(incrementOf(x_, case_.rankForm ? nullptr : &cachedInput_), rows, down1_);
    if (case_.rankForm) {
      const std::vector<double> c = valuesOf(cachedHidden_);
      for (size_t i = 0; i < h.size(); i++) h[i] -= c[i];
    }
    std::vector<double> d = productOf(h, rows, up1_);
    const std::vector<double> c = valuesOf(preActivation_);
    for (size_t i = 0; i < d.size(); i++) d[i] = geluExact(c[i] + d[i]) - geluExact(c[i]);
    std::vector<double> y = productOf(productOf(d, rows, down2_), rows, up2_);
    for (int64_t m = 0; m < rows; m++)
      for (int64_t n = 0; n < case_.columns; n++) {
        double &value = y[static_cast<size_t>(m * case_.columns + n)];
        value = epilogueExact(case_.epilogue, cachedOutput_.at(m, n) + value, gate_.at(m / (rows / images_), n), residual_.at(m, n));
      }
    return y;
  }

  double error() { return relativeL2(out_, expected()); }
  std::vector<double> output() const { return valuesOf(out_); }
  std::vector<double> cachedOutput() const { return valuesOf(cachedOutput_); }
  bool bordersIntact() const { return out_.bordersIntact(); }
  void makeUnchanged() { fillEqual(x_, cachedInput_, random_); }

 private:
  const MlpCase case_;
  Random random_;
  int64_t images_;
  Tensor x_, cachedInput_, cachedHidden_, preActivation_, cachedOutput_, residual_, gate_, out_;
  Weight down1_, up1_, down2_, up2_;
  Op op_{};
  BoundOp bound_{};

  int64_t fill(int64_t columns) const { return case_.wholePieces ? roundUp(columns, 8) - columns : 0; }
};

inline void checkIncrement(MlpCase c) {
  c.epilogue = Epilogue::none;
  MlpTrial trial(c, true, INCACHE_F32);
  trial.runOnce();
  const double error = trial.error(), most = c.halfWeights ? halfBound(6e-3) : 1e-5;
  std::printf("%s: increment %.1e", c.name, error);
  expect(error <= most, "%s: the increment is off by %.2e", c.name, error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
}

inline void checkOutput(const MlpCase &c) {
  MlpTrial trial(c, false, c.type);
  trial.runOnce();
  const double error = trial.error(), most = c.halfWeights ? halfBound(2.5e-3) : 1e-5;
  std::printf(", output %.1e\n", error);
  expect(error <= most, "%s: the output is off by %.2e", c.name, error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
  const std::vector<double> first = trial.output();
  trial.runOnce();
  expect(trial.output() == first, "%s: two runs differ", c.name);
}

inline void checkUnchanged(MlpCase c) {
  if (c.rankForm) return;
  c.epilogue = Epilogue::none;
  MlpTrial trial(c, false, c.type);
  trial.makeUnchanged();
  trial.runOnce();
  expect(trial.output() == trial.cachedOutput(), "%s: an input that has not changed does not give the cached output", c.name);
}

// The increment alone, the output with an epilogue, and an input that has not changed.
inline void checkMlp(const MlpCase &c) {
  checkIncrement(c);
  checkOutput(c);
  checkUnchanged(c);
}

}  // namespace incache::cuda::test
