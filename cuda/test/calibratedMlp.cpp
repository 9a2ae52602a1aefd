// calibratedMlp against float64.
#include "calibrated.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

struct Case {
  const char *name;
  int64_t rows, depth, rank1, hidden, rank2, columns;
  int multiprocessors = 100;
  int64_t margin = 8;
  bool halfWeights = true;
  incache_type type = kHalf;  // of x, the caches and out
  bool floatInput = false;  // x in float32, whatever the type of its cache
  bool rankForm = false;
  Epilogue epilogue = Epilogue::none;
};

class Trial {
 public:
  Trial(const Case &c, bool zeroOutput, incache_type outType)
      : case_(c), random_(11), images_(c.rows % 2 == 0 ? 2 : 1),
        x_(c.rows, c.depth, c.floatInput ? kFloat : c.type, c.margin),
        cachedInput_(c.rows, c.depth, c.type, c.margin),
        cachedHidden_(c.rows, c.rank1, kFloat, c.margin), preActivation_(c.rows, c.hidden, c.type, c.margin),
        cachedOutput_(c.rows, c.columns, c.type, c.margin), residual_(c.rows, c.columns, kFloat, c.margin),
        gate_(images_, c.columns, kFloat, c.margin), out_(c.rows, c.columns, outType, c.margin), down1_(c.rank1, c.depth, c.halfWeights),
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
    bound_.x = x_.matrix();
    if (c.rankForm)
      bound_.cachedHidden = cachedHidden_.matrix();
    else
      bound_.cachedInput = cachedInput_.matrix();
    bound_.cachedPreActivation = preActivation_.matrix();
    bound_.cachedOutput = cachedOutput_.matrix();
    if (c.epilogue == Epilogue::gateResidual) {
      bound_.residual = residual_.matrix();
      bound_.gate = gate_.matrix();
    }
    bound_.out = out_.matrix();
    bound_.factors = {{down1_.panels(), up1_.panels()}, {down2_.panels(), up2_.panels()}};
  }

  void runOnce() { runOn(case_.multiprocessors, kCalibratedMlp, bound_); }

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
        value = finished(case_.epilogue, cachedOutput_.at(m, n) + value, residual_.at(m, n), gate_.at(m / (rows / images_), n));
      }
    return y;
  }

  double error() { return relativeL2(out_, expected()); }
  std::vector<double> output() const { return valuesOf(out_); }
  std::vector<double> cachedOutput() const { return valuesOf(cachedOutput_); }
  bool bordersIntact() const { return out_.bordersIntact(); }
  void makeUnchanged() { fillEqual(x_, cachedInput_, random_); }

 private:
  const Case case_;
  Random random_;
  int64_t images_;
  Tensor x_, cachedInput_, cachedHidden_, preActivation_, cachedOutput_, residual_, gate_, out_;
  Weight down1_, up1_, down2_, up2_;
  Op op_{};
  BoundOp bound_{};
};

void checkIncrement(Case c) {
  c.epilogue = Epilogue::none;
  Trial trial(c, true, kFloat);
  trial.runOnce();
  const double error = trial.error(), most = c.halfWeights ? halfBound(6e-3) : 1e-5;
  std::printf("%s: increment %.1e", c.name, error);
  expect(error <= most, "%s: the increment is off by %.2e", c.name, error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
}

void checkOutput(const Case &c) {
  Trial trial(c, false, c.type);
  trial.runOnce();
  const double error = trial.error(), most = c.halfWeights ? halfBound(2.5e-3) : 1e-5;
  std::printf(", output %.1e\n", error);
  expect(error <= most, "%s: the output is off by %.2e", c.name, error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
  const std::vector<double> first = trial.output();
  trial.runOnce();
  expect(trial.output() == first, "%s: two runs differ", c.name);
}

void checkUnchanged(Case c) {
  if (c.rankForm) return;
  c.epilogue = Epilogue::none;
  Trial trial(c, false, c.type);
  trial.makeUnchanged();
  trial.runOnce();
  expect(trial.output() == trial.cachedOutput(), "%s: an input that has not changed does not give the cached output", c.name);
}

}  // namespace

int main() {
  //            name                       rows depth r1  hidden r2 columns
  std::vector<Case> cases = {
      {"fused", 70, 72, 40, 200, 24, 72, 1},
      {"fused, eight warps", 150, 72, 24, 136, 72, 136, 1},
      {"fused, odd strides", 67, 75, 65, 133, 17, 70, 1, 3},
      {"fused, float32", 66, 72, 64, 130, 64, 66, 1},
      {"fused, rank form", 66, 72, 33, 130, 64, 66, 1},
      {"middle", 70, 72, 40, 200, 24, 72},
      {"middle, parts of both depths", 35, 600, 40, 1100, 72, 136},
      {"middle, odd strides", 15, 75, 65, 133, 17, 70, 100, 3},
      {"middle, float32", 15, 72, 64, 130, 64, 66},
      {"middle, rank form", 15, 600, 33, 130, 64, 66},
      {"wide ranks that are not fast", 66, 75, 256, 70, 200, 66, 1, 3},
      {"stored", 35, 72, 40, 540, 264, 72},
      {"stored, odd strides", 35, 75, 300, 133, 40, 70, 100, 3},
      {"exact", 70, 75, 40, 133, 17, 70, 1, 3, false, kFloat},
      {"exact, rank form", 70, 64, 64, 64, 64, 64, 1, 0, false, kFloat},
  };
  cases.push_back({"fused, float32 input of a Half cache", 70, 72, 40, 200, 24, 72, 1});
  cases.push_back({"middle, float32 input of a Half cache", 20, 72, 40, 200, 24, 72});
  cases[15].floatInput = cases[16].floatInput = true;
  cases[3].type = cases[8].type = kFloat;
  cases[4].rankForm = cases[9].rankForm = cases[14].rankForm = true;
  cases[1].epilogue = cases[3].epilogue = cases[6].epilogue = cases[11].epilogue = cases[13].epilogue = Epilogue::gateResidual;
  cases[2].epilogue = Epilogue::silu;
  cases[7].epilogue = Epilogue::gelu;
  for (const int64_t rank : {1, 16, 32, 40, 64, 128, 192, 256})
    for (const int multiprocessors : {1, 100}) cases.push_back({"rank", 66, 72, rank, 72, 257 - rank, 72, multiprocessors});
  for (const Case &c : cases) {
    checkIncrement(c);
    checkOutput(c);
    checkUnchanged(c);
  }
}
