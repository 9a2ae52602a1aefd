// linear against float64: every tile shape and both kinds of kernel, on shapes that fit no tile.
#include <functional>

#include "../linear/tiles.h"
#include "check.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

struct Case {
  const char *name;
  int64_t rows, depth, columns;
  bool halfWeight = true;
  incache_type x = kHalf, out = kHalf;
  Epilogue epilogue = Epilogue::none;
  bool bias = true, store = false;
  int64_t margin = 8;  // around x: 8 keeps its pieces aligned, other numbers do not
  bool fours = true;   // whether all other operands lie such that four columns can be accessed at once
  int multiprocessors = 108;

  // All other operands are the first columns of such a width, and have margins besides.
  int64_t width() const { return fours ? roundUp(columns, 4) : columns; }
  int64_t outMargin() const { return fours ? 4 : 3; }
};

double errorOf(const std::vector<double> &got, const std::vector<double> &expected) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < expected.size(); i++) {
    error += (got[i] - expected[i]) * (got[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

class Trial {
 public:
  explicit Trial(const Case &c)
      : case_(c), random_(11), images_(c.epilogue == Epilogue::gate ? c.rows : c.rows % 3 == 0 ? 3 : 1), x_(c.rows, c.depth, c.x, c.margin), weight_(c.columns, c.depth, c.halfWeight),
        bias_(1, c.width(), kFloat, c.outMargin()), store_(c.rows, c.width(), kHalf, c.outMargin()),
        residual_(c.rows, c.width(), c.out, c.outMargin()), gate_(images_, c.width(), kFloat, c.outMargin()),
        out_(c.rows, c.width(), c.out, c.outMargin()) {
    x_.fill(random_);
    weight_.fill(random_, 1.0f / std::sqrt(static_cast<float>(c.depth)));
    bias_.fill(random_);
    residual_.fill(random_);
    gate_.fill(random_);
    op_.epilogue = c.epilogue;
    bound_.op = &op_;
    bound_.x = x_.matrix();
    bound_.weight = weight_.panels();
    if (c.bias) bound_.bias = bias_.columnsFrom(0, c.columns);
    if (c.store) bound_.store = store_.columnsFrom(0, c.columns);
    if (c.epilogue == Epilogue::gateResidual) bound_.residual = residual_.columnsFrom(0, c.columns);
    if (takesGate(c.epilogue)) bound_.gate = gate_.columnsFrom(0, c.columns);
    bound_.out = out_.columnsFrom(0, c.columns);
  }

  void run() {
    // By kernels that every chip has.
    const Chip chip{80, case_.multiprocessors, presentChip().sharedBytes};
    expect(kLinear.scratch(bound_, chip) == 0, "linear asks for scratch");
    runOn(chip, kLinear, bound_);
  }

  // x W^T + bias of the inputs as the products take them.
  std::vector<double> sums() const {
    std::vector<double> x(size(case_.rows, case_.depth)), w(size(case_.columns, case_.depth)), y(size(case_.rows, case_.columns));
    for (int64_t m = 0; m < case_.rows; m++)
      for (int64_t k = 0; k < case_.depth; k++) x[size(m, case_.depth) + k] = case_.halfWeight ? roundedHalf(x_.at(m, k)) : x_.at(m, k);
    for (int64_t n = 0; n < case_.columns; n++)
      for (int64_t k = 0; k < case_.depth; k++) w[size(n, case_.depth) + k] = weight_.at(n, k);
    for (int64_t m = 0; m < case_.rows; m++)
      for (int64_t n = 0; n < case_.columns; n++) {
        double sum = case_.bias ? bias_.at(0, n) : 0;
        for (int64_t k = 0; k < case_.depth; k++) sum += x[size(m, case_.depth) + k] * w[size(n, case_.depth) + k];
        y[size(m, case_.columns) + n] = sum;
      }
    return y;
  }

  // What the epilogue makes of y: of what was stored, where it was.
  std::vector<double> finished(std::vector<double> y) const {
    for (int64_t m = 0; m < case_.rows; m++)
      for (int64_t n = 0; n < case_.columns; n++) {
        double &v = y[size(m, case_.columns) + n];
        if (case_.store) v = store_.at(m, n);
        v = epilogueExact(case_.epilogue, v, gate_.at(m / (case_.rows / images_), n), residual_.at(m, n));
      }
    return y;
  }

  std::vector<double> columnsOf(const Tensor &tensor) const {
    std::vector<double> values;
    for (int64_t m = 0; m < case_.rows; m++)
      for (int64_t n = 0; n < case_.columns; n++) values.push_back(tensor.at(m, n));
    return values;
  }

  void check() {
    run();
    const std::vector<double> y = sums(), first = columnsOf(out_);
    const double error = errorOf(first, finished(y)), most = case_.out == kHalf ? halfBound(2.5e-3) : 1e-5;
    std::printf("%s: %.1e\n", case_.name, error);
    expect(error <= most, "%s: the output is off by %.2e", case_.name, error);
    const double stored = case_.store ? errorOf(columnsOf(store_), y) : 0;
    expect(stored <= halfBound(2.5e-3), "%s: the store is off by %.2e", case_.name, stored);
    run();
    expect(columnsOf(out_) == first, "%s: two runs differ", case_.name);
    if (case_.epilogue == Epilogue::gateResidual) checkInPlace(first);
    expect(untouchedAround(out_) && untouchedAround(store_), "%s: written outside of the output", case_.name);
  }

 private:
  const Case case_;
  Random random_;
  int64_t images_;
  Tensor x_;
  Weight weight_;
  Tensor bias_, store_, residual_, gate_, out_;
  Op op_{};
  BoundOp bound_{};

  static size_t size(int64_t a, int64_t b) { return static_cast<size_t>(a * b); }

  // Also in the columns that fill up the width.
  bool untouchedAround(const Tensor &tensor) const {
    bool untouched = tensor.bordersIntact();
    for (int64_t m = 0; m < case_.rows; m++)
      for (int64_t n = case_.columns; n < case_.width(); n++) untouched = untouched && std::isnan(tensor.at(m, n));
    return untouched;
  }

  // The output in the place of the residual, as plans write a residual stream.
  void checkInPlace(const std::vector<double> &first) {
    bound_.out = bound_.residual;
    run();
    expect(columnsOf(residual_) == first, "%s: in place it differs", case_.name);
  }
};

Case with(Case c, const std::function<void(Case &)> &change) {
  change(c);
  return c;
}

// A shape of each tile, with the way of x into it and everything that an epilogue has.
void checkTile(int tile, const char *name, int64_t rows, int64_t columns, int multiprocessors) {
  const int chosen = chooseTile(rows, columns, multiprocessors);
  expect(chosen == tile, "%s: tile %d is chosen, not %d", name, chosen, tile);
  const Case base = with({name, rows, 200, columns}, [&](Case &c) { c.multiprocessors = multiprocessors; });
  Trial(base).check();
  Trial(with(base, [](Case &c) { c.out = kFloat, c.epilogue = Epilogue::gateResidual, c.bias = false; })).check();
  Trial(with(base, [](Case &c) { c.x = kFloat, c.out = kFloat, c.depth = 75, c.margin = 3, c.epilogue = Epilogue::silu; })).check();
  Trial(with(base, [](Case &c) { c.depth = 66, c.margin = 5, c.fours = false, c.store = true, c.epilogue = Epilogue::gelu; })).check();
}

}  // namespace

int main() {
  checkTile(0, "128 x 128", 249, 251, 1);
  checkTile(1, "128 x 64", 253, 187, 6);
  checkTile(2, "64 x 64", 101, 187, 16);
  checkTile(3, "16 x 64", 9, 201, 108);

  const Case wide{"depth of many steps", 69, 1160, 72};
  Trial(with(wide, [](Case &c) { c.store = true, c.epilogue = Epilogue::gelu; })).check();
  Trial(with(wide, [](Case &c) { c.x = c.out = kFloat, c.epilogue = Epilogue::gateResidual; })).check();
  Trial(with(wide, [](Case &c) { c.epilogue = Epilogue::gate; })).check();
  Trial(with(wide, [](Case &c) { c.fours = false, c.epilogue = Epilogue::geluErf; })).check();
  Trial({"a single element", 1, 1, 1}).check();
  Trial(with({"a depth of one piece", 17, 8, 24}, [](Case &c) { c.out = kFloat; })).check();

  const Case exact = with({"exact", 69, 72, 68}, [](Case &c) { c.halfWeight = false, c.x = c.out = kFloat; });
  Trial(exact).check();
  Trial(with(exact, [](Case &c) { c.columns = 131, c.depth = 75, c.margin = 3, c.fours = false, c.epilogue = Epilogue::gateResidual; })).check();
  Trial(with(exact, [](Case &c) { c.epilogue = Epilogue::gate; })).check();
  Trial(with(exact, [](Case &c) { c.epilogue = Epilogue::geluErf; })).check();
  Trial(with(exact, [](Case &c) { c.epilogue = Epilogue::geluQuick; })).check();
  Trial(with(exact, [](Case &c) { c.rows = 3, c.depth = 1, c.columns = 5, c.epilogue = Epilogue::silu; })).check();
  Trial(with(exact, [](Case &c) { c.x = kHalf, c.out = kHalf, c.store = true, c.epilogue = Epilogue::gelu; })).check();
  return 0;
}
