// calibratedLinear against float64.
#include "calibrated.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

struct Case {
  const char *name;
  int64_t rows, depth;
  std::vector<int64_t> ranks, columns;
  bool halfWeights = true;
  incache_type type = kHalf;      // of x, its cache, the cache of y and out
  incache_type hidden = kFloat;  // of the cache of the rank form
  bool floatInput = false;  // x in float32, whatever the type of its cache
  bool rankForm = false;
  Epilogue epilogue = Epilogue::none;
  int64_t margin = 8;
  int multiprocessors = 100;
};

int64_t sumOf(const std::vector<int64_t> &values) {
  int64_t sum = 0;
  for (const int64_t value : values) sum += value;
  return sum;
}

class Trial {
 public:
  Trial(const Case &c, bool zeroOutput, incache_type outType)
      : case_(c), random_(7), images_(c.rows % 2 == 0 ? 2 : 1),
        x_(c.rows, c.depth, c.floatInput ? kFloat : c.type, c.margin),
        cachedInput_(c.rows, c.depth, c.type, c.margin),
        cachedHidden_(c.rows, sumOf(c.ranks), c.hidden, c.margin), cachedOutput_(c.rows, sumOf(c.columns), c.type, c.margin),
        residual_(c.rows, sumOf(c.columns), kFloat, c.margin), gate_(images_, sumOf(c.columns), kFloat, c.margin),
        out_(c.rows, sumOf(c.columns), outType, c.margin) {
    cachedInput_.fill(random_);
    fillNear(x_, cachedInput_, random_, 0.1f);
    cachedOutput_.fill(random_, zeroOutput ? 0.0f : 1.0f);
    residual_.fill(random_);
    gate_.fill(random_);
    op_.epilogue = c.epilogue;
    bound_.op = &op_;
    bindOperands(bound_, {x_, cachedInput_, cachedHidden_, cachedOutput_, residual_, gate_, out_}, c.rankForm, c.epilogue);
    for (size_t i = 0, rank = 0; i < c.ranks.size(); rank += static_cast<size_t>(c.ranks[i++])) {
      down_.push_back(std::make_unique<Weight>(c.ranks[i], c.depth, c.halfWeights));
      up_.push_back(std::make_unique<Weight>(c.columns[i], c.ranks[i], c.halfWeights));
      down_[i]->fill(random_, 1.0f / std::sqrt(static_cast<float>(c.depth)));
      up_[i]->fill(random_, 1.0f / std::sqrt(static_cast<float>(c.ranks[i])));
      fillHidden(cachedHidden_, static_cast<int64_t>(rank), cachedInput_, *down_[i]);
      bound_.factors.push_back({down_[i]->panels(), up_[i]->panels()});
    }
  }

  void runOnce() { runOn(case_.multiprocessors, kCalibratedLinear, bound_); }

  std::vector<double> expected() const {
    const std::vector<double> d = incrementOf(x_, case_.rankForm ? nullptr : &cachedInput_);
    const int64_t columns = sumOf(case_.columns);
    std::vector<double> result(static_cast<size_t>(case_.rows * columns));
    int64_t rank = 0, first = 0;
    for (size_t i = 0; i < case_.ranks.size(); i++) {
      const int64_t ranks = case_.ranks[i];
      std::vector<double> h = productOf(d, case_.rows, *down_[i]);
      if (case_.rankForm)
        for (int64_t m = 0; m < case_.rows; m++)
          for (int64_t r = 0; r < ranks; r++) h[static_cast<size_t>(m * ranks + r)] -= cachedHidden_.at(m, rank + r);
      const std::vector<double> y = productOf(h, case_.rows, *up_[i]);
      for (int64_t m = 0; m < case_.rows; m++)
        for (int64_t n = 0; n < case_.columns[i]; n++) {
          const int64_t column = first + n, image = m / (case_.rows / images_);
          result[static_cast<size_t>(m * columns + column)] = epilogueExact(
              case_.epilogue, cachedOutput_.at(m, column) + y[static_cast<size_t>(m * case_.columns[i] + n)], gate_.at(image, column),
              residual_.at(m, column));
        }
      rank += ranks;
      first += case_.columns[i];
    }
    return result;
  }

  double error() { return relativeL2(out_, expected()); }
  std::vector<double> output() const { return valuesOf(out_); }
  std::vector<double> cachedOutput() const { return valuesOf(cachedOutput_); }
  bool bordersIntact() const { return out_.bordersIntact(); }
  void makeUnchanged() { fillEqual(x_, cachedInput_, random_); }
  // The output in the place of the residual, as plans write a residual stream.
  void writeInPlace() { bound_.out = bound_.residual; }
  std::vector<double> inPlace() const { return valuesOf(residual_); }

 private:
  const Case case_;
  Random random_;
  int64_t images_;
  Tensor x_, cachedInput_, cachedHidden_, cachedOutput_, residual_, gate_, out_;
  std::vector<std::unique_ptr<Weight>> down_, up_;
  Op op_{};
  BoundOp bound_{};
};

void checkIncrement(Case c) {
  c.epilogue = Epilogue::none;
  Trial trial(c, true, kFloat);
  trial.runOnce();
  const double error = trial.error(), most = c.halfWeights ? halfBound(3e-3) : 1e-5;
  std::printf("%s: increment %.1e", c.name, error);
  expect(error <= most, "%s: the increment is off by %.2e", c.name, error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
}

void checkOutput(const Case &c) {
  Trial trial(c, false, c.type);
  trial.runOnce();
  const double error = trial.error(), most = c.halfWeights || c.type == kHalf ? halfBound(2.5e-3) : 1e-5;
  std::printf(", output %.1e\n", error);
  expect(error <= most, "%s: the output is off by %.2e", c.name, error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
  const std::vector<double> first = trial.output();
  trial.runOnce();
  expect(trial.output() == first, "%s: two runs differ", c.name);
  if (c.epilogue != Epilogue::gateResidual) return;
  trial.writeInPlace();
  trial.runOnce();
  std::vector<double> inPlace = trial.inPlace();
  if (c.type == kHalf)
    for (double &value : inPlace) value = roundedHalf(value);
  expect(inPlace == first, "%s: in place it differs", c.name);
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
  std::vector<Case> cases = {
      {"split, qkv", 70, 200, {40, 128, 17}, {72, 130, 62}},
      {"split, parts of the depth", 33, 1160, {64}, {136}},
      {"split, rank form, parts of the depth", 33, 1160, {33, 64}, {65, 71}},
      {"split, more pairs than a launch has", 9, 64, {8, 16, 3, 5, 24}, {8, 16, 24, 31, 9}},
      {"split, rank beyond the block's", 20, 96, {300}, {100}},
      {"split, odd strides", 65, 75, {40, 24}, {33, 50}},
      {"split, float32", 66, 104, {96, 32}, {70, 66}},
      {"one kernel, qkv", 130, 136, {40, 128, 17}, {72, 130, 62}},
      {"one kernel, eight warps", 150, 136, {72, 64}, {72, 136}},
      {"one kernel, float32", 70, 72, {64}, {70}},
      {"one kernel, odd strides", 70, 75, {130}, {70}},
      {"one kernel, rank form", 70, 72, {65, 32}, {70, 64}},
      {"exact", 70, 75, {40, 7}, {33, 66}},
      {"exact, rank form", 70, 64, {64}, {64}},
      {"split, float32 input of a Half cache", 20, 72, {40}, {72}},
      {"one kernel, float32 input of a Half cache", 70, 72, {40}, {72}},
      {"exact, float32 input of a Half cache", 70, 72, {40}, {72}},
  };
  cases[2].rankForm = true;
  cases[5].margin = cases[10].margin = cases[12].margin = 3;
  cases[6].type = cases[9].type = kFloat;
  cases[7].multiprocessors = 2;
  cases[8].multiprocessors = cases[9].multiprocessors = cases[10].multiprocessors = cases[11].multiprocessors = 1;
  cases[11].rankForm = true;
  cases[11].hidden = kHalf;
  cases[12].halfWeights = cases[13].halfWeights = false;
  cases[12].type = cases[13].type = kFloat;
  cases[13].rankForm = true;
  cases[14].floatInput = cases[15].floatInput = cases[16].floatInput = true;
  cases[15].multiprocessors = 1;
  cases[16].halfWeights = false;
  cases[1].epilogue = cases[6].epilogue = cases[8].epilogue = cases[12].epilogue = Epilogue::gateResidual;
  cases[4].epilogue = Epilogue::gelu;
  cases[2].epilogue = cases[9].epilogue = Epilogue::gate;
  cases[3].epilogue = Epilogue::geluErf;
  cases[5].epilogue = cases[7].epilogue = Epilogue::silu;
  for (const int64_t rank : {1, 16, 32, 40, 64, 128, 192, 256})
    for (const int multiprocessors : {1, 100}) {
      Case c{"rank", 66, 72, {rank}, {72}};
      c.multiprocessors = multiprocessors;
      cases.push_back(c);
    }
  for (const Case &c : cases) {
    checkIncrement(c);
    checkOutput(c);
    checkUnchanged(c);
  }
}
