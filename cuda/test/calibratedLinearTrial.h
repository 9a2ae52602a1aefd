// What the tests of the kernels of calibratedLinear for sm_90a share.
#pragma once
#include "../kernels.h"
#include "calibrated.h"

namespace incache::cuda::test {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

// What launches the kernel under test.
using Launch = bool (*)(const BoundOp &, const LaunchContext &);

struct Case {
  const char *name;
  int64_t rows, depth;
  std::vector<int64_t> ranks, columns;
  Epilogue epilogue = Epilogue::none;
  bool rankForm = false;
  int multiprocessors = 1;
  int64_t outMargin = 4;
  incache_type hidden = kFloat;
};

inline int64_t sumOf(const std::vector<int64_t> &values) {
  int64_t sum = 0;
  for (const int64_t value : values) sum += value;
  return sum;
}

// The first columns of a tensor whose rows begin at multiples of 16 bytes.
inline Tensor *alignedTensor(int64_t rows, int64_t columns) { return new Tensor(rows, roundUp(columns, 8), kHalf, 8); }

class Trial {
 public:
  Trial(Launch launch, const Case &c, bool zeroOutput, incache_type outType)
      : launch_(launch), case_(c), random_(5), columns_(sumOf(c.columns)), images_(c.rows % 2 == 0 ? 2 : 1), x_(alignedTensor(c.rows, c.depth)),
        cachedInput_(alignedTensor(c.rows, c.depth)), cachedOutput_(alignedTensor(c.rows, columns_)),
        cachedHidden_(c.rows, sumOf(c.ranks), c.hidden, 1), residual_(c.rows, columns_, kFloat, c.outMargin),
        gate_(images_, columns_, kFloat, c.outMargin), out_(c.rows, columns_, outType, c.outMargin) {
    for (int64_t i = 0; i < c.rows; i++) {
      for (int64_t k = 0; k < c.depth; k++) {
        cachedInput_->set(i, k, random_.value());
        x_->set(i, k, static_cast<float>(cachedInput_->at(i, k)) + 0.1f * random_.value());
      }
      for (int64_t j = 0; j < columns_; j++) cachedOutput_->set(i, j, zeroOutput ? 0 : random_.value());
    }
    residual_.fill(random_);
    gate_.fill(random_);
    op_.epilogue = c.epilogue;
    bound_.op = &op_;
    bound_.x = x_->columnsFrom(0, c.depth);
    if (c.rankForm)
      bound_.cachedHidden = cachedHidden_.matrix();
    else
      bound_.cachedInput = cachedInput_->columnsFrom(0, c.depth);
    bound_.cachedOutput = cachedOutput_->columnsFrom(0, columns_);
    if (c.epilogue == Epilogue::gateResidual) bound_.residual = residual_.matrix();
    if (takesGate(c.epilogue)) bound_.gate = gate_.matrix();
    bound_.out = out_.matrix();
    int64_t rank = 0;
    for (size_t p = 0; p < c.ranks.size(); p++) {
      down_.push_back(std::make_unique<Weight>(c.ranks[p], c.depth, true));
      up_.push_back(std::make_unique<Weight>(c.columns[p], c.ranks[p], true));
      down_[p]->fill(random_, 1.0f / std::sqrt(static_cast<float>(c.depth)));
      up_[p]->fill(random_, 1.0f / std::sqrt(static_cast<float>(c.ranks[p])));
      bound_.factors.push_back({down_[p]->panels(), up_[p]->panels()});
      for (int64_t i = 0; i < c.rows; i++)
        for (int64_t r = 0; r < c.ranks[p]; r++) {
          double h = 0;
          for (int64_t k = 0; k < c.depth; k++) h += cachedInput_->at(i, k) * down_[p]->at(r, k);
          cachedHidden_.set(i, rank + r, static_cast<float>(h));
        }
      rank += c.ranks[p];
    }
  }

  void runOnce() {
    expect(launch_(bound_, hopperContext(case_.multiprocessors)), "%s: not taken", case_.name);
    finishRun(case_.name);
  }

  // h is rounded to Half on its way: within the bounds.
  double error() const {
    std::vector<double> expected(static_cast<size_t>(case_.rows * columns_));
    for (int64_t i = 0; i < case_.rows; i++) {
      int64_t rank = 0, first = 0;
      for (size_t p = 0; p < case_.ranks.size(); rank += case_.ranks[p], first += case_.columns[p], p++) {
        std::vector<double> h;
        for (int64_t r = 0; r < case_.ranks[p]; r++) {
          double sum = case_.rankForm ? -cachedHidden_.at(i, rank + r) : 0;
          for (int64_t k = 0; k < case_.depth; k++) sum += (x_->at(i, k) - (case_.rankForm ? 0 : cachedInput_->at(i, k))) * down_[p]->at(r, k);
          h.push_back(sum);
        }
        for (int64_t n = 0; n < case_.columns[p]; n++) {
          const int64_t column = first + n;
          double y = cachedOutput_->at(i, column);
          for (int64_t r = 0; r < case_.ranks[p]; r++) y += h[static_cast<size_t>(r)] * up_[p]->at(n, r);
          expected[static_cast<size_t>(i * columns_ + column)] =
              epilogueExact(case_.epilogue, y, gate_.at(i / (case_.rows / images_), column), residual_.at(i, column));
        }
      }
    }
    return relativeL2(out_, expected);
  }

  std::vector<double> output() const { return valuesOf(out_); }
  bool bordersIntact() const { return out_.bordersIntact(); }
  void makeUnchanged() { bound_.x = bound_.cachedInput; }
  bool isCachedOutput() const {
    for (int64_t i = 0; i < case_.rows; i++)
      for (int64_t j = 0; j < columns_; j++)
        if (out_.at(i, j) != cachedOutput_->at(i, j)) return false;
    return true;
  }
  void writeInPlace() { bound_.out = bound_.residual; }
  std::vector<double> inPlace() const { return valuesOf(residual_); }
  BoundOp &bound() { return bound_; }

 private:
  const Launch launch_;
  const Case case_;
  Random random_;
  int64_t columns_, images_;
  std::unique_ptr<Tensor> x_, cachedInput_, cachedOutput_;
  Tensor cachedHidden_, residual_, gate_, out_;
  std::vector<std::unique_ptr<Weight>> down_, up_;
  Op op_{};
  BoundOp bound_{};
};

// Several runs of a case against float64, against each other, in place, and of an input that has not changed.
inline void check(Launch launch, const Case &c) {
  Case plain = c;
  plain.epilogue = Epilogue::none;
  Trial increment(launch, plain, true, kFloat);
  increment.runOnce();
  const double alone = increment.error();
  Trial trial(launch, c, false, kHalf);
  trial.runOnce();
  const double error = trial.error();
  std::printf("%s: increment %.1e, output %.1e\n", c.name, alone, error);
  expect(alone <= halfBound(3e-3), "%s: the increment is off by %.2e", c.name, alone);
  expect(error <= halfBound(2.5e-3), "%s: the output is off by %.2e", c.name, error);
  expect(increment.bordersIntact() && trial.bordersIntact(), "%s: written outside of the output", c.name);
  const std::vector<double> first = trial.output();
  trial.runOnce();
  expect(trial.output() == first, "%s: two runs differ", c.name);
  if (c.epilogue == Epilogue::gateResidual) {
    trial.writeInPlace();
    trial.runOnce();
    std::vector<double> inPlace = trial.inPlace();
    for (double &value : inPlace) value = roundedHalf(value);
    expect(inPlace == first, "%s: in place it differs", c.name);
  }
  if (c.rankForm) return;
  Trial unchanged(launch, plain, false, kHalf);
  unchanged.makeUnchanged();
  unchanged.runOnce();
  expect(unchanged.isCachedOutput(), "%s: an input that has not changed does not give the cached output", c.name);
}

// Whether a small operation is taken after a change of its operands.
template <class Change>
bool isTaken(Launch launch, Change change, const LaunchContext &context) {
  Trial trial(launch, {"refusals", 20, 72, {40}, {72}}, false, kHalf);
  change(trial.bound());
  const bool taken = launch(trial.bound(), context);
  cudaStreamSynchronize(context.stream);
  return taken;
}

// What no kernel of sm_90a takes; `mostRanks`: of a pair.
inline void checkRefusals(Launch launch, int64_t mostRanks) {
  const Tensor full(20, 72, kFloat, 8);
  const Weight exact(40, 72, false), wide(mostRanks + 1, 72, true), wideUp(72, mostRanks + 1, true), down(24, 72, true), up(36, 24, true);
  const auto taken = [&](auto change, LaunchContext context = hopperContext(1)) { return isTaken(launch, change, context); };
  LaunchContext other = hopperContext(1);
  other.chip.computeCapability = 100;
  expect(taken([](BoundOp &) {}), "what fits was not taken");
  expect(!taken([](BoundOp &) {}, other), "another chip");
  expect(!taken([](BoundOp &) {}, hopperContext(132)), "a few rows");
  expect(!taken([&](BoundOp &b) { b.cachedInput = full.matrix(); }), "C(x) in float32");
  expect(!taken([&](BoundOp &b) { b.x = full.matrix(); }), "x in float32");
  expect(!taken([&](BoundOp &b) { b.cachedOutput = full.matrix(); }), "C(y) in float32");
  expect(!taken([&](BoundOp &b) { b.factors[0].down = exact.panels(); }), "factors in float32");
  expect(!taken([&](BoundOp &b) { b.factors[0] = {wide.panels(), wideUp.panels()}; }), "too many ranks");
  expect(!taken([&](BoundOp &b) { b.factors = {{exact.panels(), up.panels()}, b.factors[0]}; }), "a pair in float32 before another");
  expect(!taken([&](BoundOp &b) { b.factors = {{down.panels(), up.panels()}, {down.panels(), up.panels()}}; }), "columns from the 36th on");
}

// What every such kernel takes.
inline void checkShapes(Launch launch) {
  const std::vector<Case> cases = {
      {"qkv", 130, 200, {40, 64, 17}, {72, 136, 60}},
      {"128 ranks", 33, 64, {128}, {136}, Epilogue::gateResidual},
      {"192 ranks", 260, 72, {150}, {100}, Epilogue::gelu, false, 2},
      {"gate", 33, 64, {128}, {136}, Epilogue::gate},
      {"erf", 33, 64, {128}, {75}, Epilogue::geluErf},
      {"256 ranks", 140, 136, {256}, {64}, Epilogue::silu},
      {"a few ranks", 9, 75, {8}, {41}},
      {"odd strides", 70, 75, {24}, {50}, Epilogue::gateResidual, false, 1, 3},
      {"rank form", 131, 72, {65, 32}, {72, 64}, Epilogue::none, true},
      {"rank form in Half", 40, 72, {200}, {72}, Epilogue::gateResidual, true, 1, 4, kHalf},
  };
  for (const Case &c : cases) check(launch, c);
}

// Whatever the shape.
inline void checkRandomly(Launch launch, int count) {
  Random random(11);
  for (int i = 0; i < count; i++) {
    Case c{"random", random.from(1, 200), random.from(1, 200), {}, {}};
    const int64_t pairs = random.from(1, 4);
    for (int64_t p = 0; p < pairs; p++) {
      c.ranks.push_back(random.from(1, 200));
      c.columns.push_back(p + 1 < pairs ? 8 * random.from(1, 20) : random.from(1, 200));
    }
    c.rankForm = random.from(0, 2) == 0;
    c.epilogue = random.from(0, 1) == 0 ? Epilogue::gateResidual : Epilogue::none;
    c.multiprocessors = static_cast<int>(random.from(1, 3));
    std::printf("%lld x %lld, %lld pairs: ", static_cast<long long>(c.rows), static_cast<long long>(c.depth), static_cast<long long>(pairs));
    check(launch, c);
  }
}

}  // namespace incache::cuda::test
