// The operations that are neither products nor attention, against float64.
#include <algorithm>
#include <deque>
#include <functional>
#include <string>

#include "check.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

// Types and margins: operands that can be read four columns at a time, and such that cannot.
struct Form {
  const char *name;
  incache_type in, other, out;
  int64_t margin;
};
constexpr Form kForms[] = {
    {"float32", kFloat, kFloat, kFloat, 4},
    {"Half", kHalf, kHalf, kHalf, 4},
    {"mixed", kHalf, kFloat, kHalf, 8},
    {"float32, unaligned", kFloat, kFloat, kFloat, 3},
    {"Half, unaligned", kHalf, kHalf, kHalf, 1},
    {"mixed, unaligned", kFloat, kHalf, kHalf, 1},
};

using Value = std::function<double(int64_t row, int64_t column)>;

// Runs the operation twice and compares with value(row, column).
void check(const CudaKernel &kernel, const BoundOp &b, const Tensor &out, const std::string &name, double most, const Value &value) {
  run(kernel, b);
  std::vector<double> expected, first;
  for (int64_t i = 0; i < out.rows(); i++)
    for (int64_t j = 0; j < out.columns(); j++) {
      expected.push_back(value(i, j));
      first.push_back(out.at(i, j));
    }
  const double error = relativeL2(out, expected);
  expect(error <= most, "%s: off by %.2e", name.c_str(), error);
  expect(out.bordersIntact(), "%s: written outside of the output", name.c_str());
  run(kernel, b);
  for (int64_t i = 0; i < out.rows(); i++)
    for (int64_t j = 0; j < out.columns(); j++)
      expect(out.at(i, j) == first[static_cast<size_t>(i * out.columns() + j)], "%s: two runs differ", name.c_str());
}

// A single element may be off by half a step, which is 4.9e-4 in float16.
double boundOf(incache_type type, double exact = 1e-6) { return type != kHalf ? exact : kIsFloat16 ? 5e-4 : 2.5e-3; }

std::string nameOf(const char *op, const Form &f, int64_t rows, int64_t columns) {
  return std::string(op) + ", " + f.name + ", " + std::to_string(rows) + " x " + std::to_string(columns);
}

struct Size {
  int64_t images, tokens, columns;
};
// The last: more than the threads of all blocks take at once.
constexpr Size kSizes[] = {{1, 1, 1}, {3, 5, 7}, {2, 9, 64}, {2, 3, 1152}, {2, 300, 100}};

void checkElementwise(const Form &f, const Size &size) {
  Random random(1);
  const int64_t rows = size.images * size.tokens, columns = size.columns;
  Tensor x(rows, columns, f.in, f.margin), y(size.tokens, columns, f.other, f.margin), residual(rows, columns, f.other, f.margin),
      gate(size.images, columns, f.other, f.margin), out(rows, columns, f.out, f.margin);
  x.fill(random, 4), y.fill(random), residual.fill(random), gate.fill(random);
  Op op{};
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.out = out.matrix();
  check(kSilu, b, out, nameOf("silu", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return siluExact(x.at(i, j)); });
  check(kGelu, b, out, nameOf("gelu", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return geluExact(x.at(i, j)); });
  b.y = y.matrix();
  check(kAdd, b, out, nameOf("add", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return x.at(i, j) + y.at(i % size.tokens, j); });
  b.gate = gate.matrix(), b.residual = residual.matrix();
  check(kGateResidual, b, out, nameOf("gateResidual", f, rows, columns), boundOf(f.out),
        [&](int64_t i, int64_t j) { return residual.at(i, j) + gate.at(i / size.tokens, j) * x.at(i, j); });
}

// The output in the place of an operand, as plans may ask for.
void checkInPlace() {
  Random random(2);
  Tensor x(10, 50, kHalf, 4), y(5, 50, kHalf, 4), gate(2, 50, kHalf, 4), residual(10, 50, kHalf, 4), apart(10, 50, kHalf, 4);
  x.fill(random), y.fill(random), gate.fill(random), residual.fill(random);
  Op op{};
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.y = y.matrix(), b.residual = x.matrix(), b.gate = gate.matrix();
  op.terms = {{{}, 0.5}, {{}, -1}}, b.terms = {residual.matrix(), x.matrix()};
  for (const CudaKernel *kernel : {&kAdd, &kSilu, &kGelu, &kGateResidual, &kLinearCombination}) {
    b.out = apart.matrix();
    run(*kernel, b);
    b.out = x.matrix();
    run(*kernel, b);
    for (int64_t i = 0; i < 10; i++)
      for (int64_t j = 0; j < 50; j++) expect(x.at(i, j) == apart.at(i, j), "in place an operation gives something else");
  }
}

// Aligned views that end within four columns: what follows them stays as it was.
void checkTail() {
  Random random(7);
  Tensor x(6, 16, kHalf, 4), gate(2, 16, kFloat, 4), out(6, 16, kHalf, 4);
  x.fill(random), gate.fill(random);
  Op op{};
  op.epsilon = 1e-6;
  BoundOp b{};
  b.op = &op;
  for (const int64_t columns : {13, 14, 15}) {
    b.x = b.y = b.residual = x.columnsFrom(0, columns), b.gate = b.shift = b.scale = gate.columnsFrom(0, columns);
    b.out = out.columnsFrom(0, columns);
    run(kLayerNormModulate, b);
    run(kAdd, b);
    for (int64_t i = 0; i < 6; i++)
      for (int64_t j = 0; j < 16; j++)
        expect(j < columns ? out.at(i, j) == roundedHalf(2 * x.at(i, j)) : std::isnan(out.at(i, j)), "columns that end within four: wrong at %lld",
               static_cast<long long>(j));
  }
}

void checkLayerNorm(const Form &f, int64_t images, int64_t tokens, int64_t columns, float offset) {
  Random random(3);
  const int64_t rows = images * tokens;
  Tensor x(rows, columns, f.in, f.margin), shift(images, columns, f.other, f.margin), scale(images, columns, f.other, f.margin),
      out(rows, columns, f.out, f.margin);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) x.set(i, j, offset + random.value());
  shift.fill(random), scale.fill(random);
  Op op{};
  op.epsilon = 1e-6;
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.shift = shift.matrix(), b.scale = scale.matrix(), b.out = out.matrix();
  std::vector<double> means, inverses;
  for (int64_t i = 0; i < rows; i++) {
    double mean = 0, variance = 0;
    for (int64_t j = 0; j < columns; j++) mean += x.at(i, j) / static_cast<double>(columns);
    for (int64_t j = 0; j < columns; j++) variance += (x.at(i, j) - mean) * (x.at(i, j) - mean) / static_cast<double>(columns);
    means.push_back(mean), inverses.push_back(1 / std::sqrt(variance + op.epsilon));
  }
  check(kLayerNormModulate, b, out, nameOf("layerNormModulate", f, rows, columns), boundOf(f.out, 1e-5), [&](int64_t i, int64_t j) {
    const size_t row = static_cast<size_t>(i);
    return (x.at(i, j) - means[row]) * inverses[row] * (1 + scale.at(i / tokens, j)) + shift.at(i / tokens, j);
  });
}

void checkPatches(const Form &f, int64_t channels, int64_t down, int64_t across, int64_t patch) {
  Random random(4);
  const int64_t images = 3, height = down * patch, width = across * patch, pixels = channels * height * width;
  const int64_t tokens = images * down * across, columns = channels * patch * patch;
  // Where (channel, y, x) of a patch lies in its token.
  const auto imageColumn = [=](int64_t token, int64_t c, int64_t y, int64_t x) {
    const int64_t place = token % (down * across);
    return (c * height + place / across * patch + y) * width + place % across * patch + x;
  };
  Op op{};
  op.channels = channels, op.height = height, op.width = width, op.patch = patch;
  BoundOp b{};
  b.op = &op;
  {
    Tensor x(images, pixels, f.in, f.margin), out(tokens, columns, f.out, f.margin);
    x.fill(random);
    b.x = x.matrix(), b.out = out.matrix();
    check(kPatchify, b, out, nameOf("patchify", f, tokens, columns), boundOf(f.out, 0), [&](int64_t token, int64_t j) {
      return x.at(token / (down * across), imageColumn(token, j / (patch * patch), j / patch % patch, j % patch));
    });
  }
  Tensor x(tokens, columns, f.in, f.margin), out(images, pixels, f.out, f.margin);
  x.fill(random);
  b.x = x.matrix(), b.out = out.matrix();
  std::vector<double> expected(static_cast<size_t>(images * pixels));
  for (int64_t token = 0; token < tokens; token++)
    for (int64_t j = 0; j < columns; j++)
      expected[static_cast<size_t>(token / (down * across) * pixels +
                                   imageColumn(token, j % channels, j / channels / patch, j / channels % patch))] = x.at(token, j);
  check(kUnpatchify, b, out, nameOf("unpatchify", f, images, pixels), boundOf(f.out, 0),
        [&](int64_t image, int64_t j) { return expected[static_cast<size_t>(image * pixels + j)]; });
}

void checkTimesteps(const Form &f, int64_t columns) {
  const float times[] = {0, 1, 37.5f, 500, 999, 1000};
  Tensor x(6, 1, f.in, f.margin), out(6, columns, f.out, f.margin);
  for (int64_t i = 0; i < 6; i++) x.set(i, 0, times[i]);
  Op op{};
  op.maxPeriod = 10000;
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.out = out.matrix();
  const int64_t half = columns / 2;
  const auto value = [&](int64_t i, int64_t j) {
    const double angle = x.at(i, 0) * std::exp(-std::log(10000.0) * static_cast<double>(j % half) / static_cast<double>(half));
    return j < half ? std::cos(angle) : std::sin(angle);
  };
  check(kTimestepEmbedding, b, out, nameOf("timestepEmbedding", f, 6, columns), boundOf(f.out), value);
  if (f.out == kHalf) return;
  for (int64_t i = 0; i < 6; i++)
    for (int64_t j = 0; j < columns; j++)
      expect(std::fabs(out.at(i, j) - value(i, j)) <= 1e-6, "timestepEmbedding: t = %g is off at %lld", static_cast<double>(times[i]),
             static_cast<long long>(j));
}

void checkGather(const Form &f, int64_t columns) {
  Random random(5);
  const int64_t rows = 23, tableRows = 9;
  Tensor table(tableRows, columns, f.in, f.margin), out(rows, columns, f.out, f.margin);
  table.fill(random);
  int32_t *index = static_cast<int32_t *>(allocate(rows * 2 * 4));
  const auto held = [&](int64_t i) { return std::max<int64_t>(0, std::min<int64_t>(index[2 * i], tableRows - 1)); };
  for (int64_t i = 0; i < rows; i++) index[2 * i] = static_cast<int32_t>(random.from(0, tableRows - 1));
  // Out of the table.
  index[2] = -1, index[4] = tableRows, index[6] = std::numeric_limits<int32_t>::max();
  Op op{};
  BoundOp b{};
  b.op = &op, b.table = table.matrix(), b.index = {index, 2, rows, 1, kFloat}, b.out = out.matrix();
  check(kGatherRows, b, out, nameOf("gatherRows", f, rows, columns), boundOf(f.out, 0), [&](int64_t i, int64_t j) { return table.at(held(i), j); });
  cudaFree(index);
}

void checkStatistics(const Form &f, int64_t images, int64_t tokens, int64_t columns, bool difference) {
  Random random(6);
  const int64_t rows = images * tokens;
  Tensor x(rows, columns, f.in, f.margin), previous(rows, columns, f.other, f.margin), means(images, columns, f.out, f.margin),
      moment(columns, columns, f.out, f.margin);
  previous.fill(random);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) x.set(i, j, static_cast<float>(previous.at(i, j)) + 0.1f * random.value());
  Op op{};
  BoundOp b{};
  b.op = &op, b.x = x.matrix();
  if (difference) b.previous = previous.matrix();
  const auto increment = [&](int64_t i, int64_t j) {
    if (!difference) return x.at(i, j);
    return (f.other == kHalf ? roundedHalf(x.at(i, j)) : x.at(i, j)) - previous.at(i, j);
  };
  b.out = means.matrix();
  check(kChannelStatistics, b, means, nameOf("channelStatistics", f, rows, columns), boundOf(f.out, 1e-5), [&](int64_t image, int64_t j) {
    double sum = 0;
    for (int64_t token = 0; token < tokens; token++) sum += std::fabs(increment(image * tokens + token, j));
    return sum / static_cast<double>(tokens);
  });
  b.out = moment.matrix();
  check(kSecondMoment, b, moment, nameOf("secondMoment", f, rows, columns), boundOf(f.out, 1e-5), [&](int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t row = 0; row < rows; row++) sum += increment(row, i) * increment(row, j);
    return sum;
  });
  for (int64_t i = 0; i < columns; i++)
    for (int64_t j = 0; j < i; j++) expect(moment.at(i, j) == moment.at(j, i), "secondMoment is not symmetric");
}

void checkCombination(const Form &f, const Size &size) {
  Random random(8);
  const int64_t rows = size.images * size.tokens, columns = size.columns;
  const double coefficients[] = {-1, 0.375, 2, -0.1};
  // A tensor cannot be moved.
  std::deque<Tensor> terms;
  for (const incache_type type : {f.in, f.other, f.in, f.other}) {
    terms.emplace_back(rows, columns, type, f.margin);
    terms.back().fill(random);
  }
  Tensor out(rows, columns, f.out, f.margin);
  Op op{};
  BoundOp b{};
  b.op = &op, b.out = out.matrix();
  for (size_t count = 1; count <= size_t{kMostTerms}; count++) {
    op.terms.push_back({{}, coefficients[count - 1]});
    b.terms.push_back(terms[count - 1].matrix());
    check(kLinearCombination, b, out, nameOf("linearCombination", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) {
      double sum = 0;
      for (size_t term = 0; term < count; term++) sum += coefficients[term] * terms[term].at(i, j);
      return sum;
    });
  }
}

void checkDistance(const Form &f, const Size &size) {
  Random random(9);
  const int64_t rows = size.images * size.tokens, columns = size.columns;
  Tensor x(rows, columns, f.in, f.margin), previous(rows, columns, f.other, f.margin), out(1, 1, f.out, f.margin);
  previous.fill(random);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) x.set(i, j, static_cast<float>(previous.at(i, j)) + 0.1f * random.value());
  Op op{};
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.previous = previous.matrix(), b.out = out.matrix();
  for (op.norm = 1; op.norm <= 2; op.norm++)
    check(kRelativeDistance, b, out, nameOf("relativeDistance", f, rows, columns), boundOf(f.out, 1e-5), [&](int64_t, int64_t) {
      double distance = 0, length = 0;
      for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
          const double d = (f.other == kHalf ? roundedHalf(x.at(i, j)) : x.at(i, j)) - previous.at(i, j), p = previous.at(i, j);
          distance += op.norm == 1 ? std::fabs(d) : d * d;
          length += op.norm == 1 ? std::fabs(p) : p * p;
        }
      return op.norm == 1 ? distance / length : std::sqrt(distance / length);
    });
}

// What has not changed is at distance 0, from all zeros too; what has is infinitely far from these.
void checkDistanceFromZero() {
  Tensor x(3, 5, kFloat, 1), zero(3, 5, kFloat, 1), out(1, 1, kFloat, 1);
  for (int64_t i = 0; i < 3; i++)
    for (int64_t j = 0; j < 5; j++) x.set(i, j, 1), zero.set(i, j, 0);
  Op op{};
  op.norm = 2;
  BoundOp b{};
  b.op = &op, b.previous = zero.matrix(), b.out = out.matrix();
  b.x = zero.matrix();
  run(kRelativeDistance, b);
  expect(out.at(0, 0) == 0, "relativeDistance of zeros from themselves is %g", out.at(0, 0));
  b.x = x.matrix();
  run(kRelativeDistance, b);
  expect(std::isinf(out.at(0, 0)), "relativeDistance from zeros is %g", out.at(0, 0));
}

void checkConvolution(const Form &f, int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride, int64_t upsample, bool residual) {
  Random random(10);
  const int64_t images = 2, taps = kernel * kernel;
  Op op{};
  op.height = 7, op.width = 5, op.kernel = kernel, op.stride = stride, op.upsample = upsample;
  op.padBottom = op.padRight = kernel / 2, op.padTop = op.padLeft = stride == 1 ? kernel / 2 : 0;
  op.epilogue = residual ? Epilogue::residual : Epilogue::silu;
  const auto sizeOf = [&](int64_t size, int64_t pads) { return (size * upsample + pads - kernel) / stride + 1; };
  const int64_t down = sizeOf(op.height, op.padTop + op.padBottom), across = sizeOf(op.width, op.padLeft + op.padRight);
  Tensor x(images * op.height * op.width, inputs, f.in, f.margin), other(images * down * across, outputs, f.other, f.margin),
      bias(1, outputs, kFloat), out(images * down * across, outputs, f.out, f.margin);
  Weight weight(outputs, taps * inputs, f.in == kHalf);
  x.fill(random), other.fill(random), bias.fill(random), weight.fill(random);
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.weight = weight.panels(), b.bias = bias.matrix(), b.out = out.matrix();
  if (residual) b.residual = other.matrix();
  const auto seen = [&](int64_t image, int64_t y, int64_t across_, int64_t channel) {
    const bool inside = y >= 0 && across_ >= 0 && y < op.height * upsample && across_ < op.width * upsample;
    return inside ? x.at((image * op.height + y / upsample) * op.width + across_ / upsample, channel) : 0.0;
  };
  check(kConvolution, b, out, nameOf("convolution", f, out.rows(), outputs), boundOf(f.out, 2e-6), [&](int64_t i, int64_t j) {
    const int64_t image = i / (down * across), top = i / across % down * stride - op.padTop, left = i % across * stride - op.padLeft;
    double sum = bias.at(0, j);
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t c = 0; c < inputs; c++) sum += weight.at(j, tap * inputs + c) * seen(image, top + tap / kernel, left + tap % kernel, c);
    return residual ? other.at(i, j) + sum : siluExact(sum);
  });
}

struct Together {
  int64_t rows, span, groups, width;
};

void checkNorm(const Form &f, const Together &t, bool rms, bool modulated, float offset) {
  Random random(11);
  const int64_t columns = t.groups * t.width, images = t.rows / t.span;
  Tensor x(t.rows, columns, f.in, f.margin), gain(1, t.width, f.other, f.margin), bias(1, columns, f.other, f.margin),
      scale(images, columns, f.other, f.margin), shift(images, columns, f.other, f.margin), out(t.rows, columns, f.out, f.margin);
  for (int64_t i = 0; i < t.rows; i++)
    for (int64_t j = 0; j < columns; j++) x.set(i, j, offset + random.value());
  gain.fill(random), bias.fill(random), scale.fill(random), shift.fill(random);
  Op op{};
  op.normKind = rms ? NormKind::rms : NormKind::layer, op.span = t.span, op.groups = t.groups, op.epsilon = 1e-6;
  op.epilogue = modulated ? Epilogue::none : Epilogue::silu;
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.out = out.matrix();
  if (modulated) b.scale = scale.matrix(), b.shift = shift.matrix();
  if (!modulated || rms) b.gain = gain.matrix(), b.bias = bias.matrix();
  std::vector<double> normal(static_cast<size_t>(t.rows * columns));
  for (int64_t row = 0; row < t.rows; row += t.span)
    for (int64_t column = 0; column < columns; column += t.width) {
      const double count = static_cast<double>(t.span * t.width);
      double mean = 0, squares = 0;
      const auto each = [&](auto act) {
        for (int64_t i = row; i < row + t.span; i++)
          for (int64_t j = column; j < column + t.width; j++) act(i, j);
      };
      if (!rms) each([&](int64_t i, int64_t j) { mean += x.at(i, j) / count; });
      each([&](int64_t i, int64_t j) { squares += (x.at(i, j) - mean) * (x.at(i, j) - mean) / count; });
      each([&](int64_t i, int64_t j) { normal[static_cast<size_t>(i * columns + j)] = (x.at(i, j) - mean) / std::sqrt(squares + op.epsilon); });
    }
  check(kNorm, b, out, nameOf("norm", f, t.rows, columns), boundOf(f.out, 1e-5), [&](int64_t i, int64_t j) {
    double y = normal[static_cast<size_t>(i * columns + j)];
    if (b.gain.at) y = y * gain.at(0, j % t.width) + bias.at(0, j);
    return modulated ? y * (1 + scale.at(i / t.span, j)) + shift.at(i / t.span, j) : siluExact(y);
  });
}

void checkConvolutionsAndNorms(const Form &f) {
  for (const bool residual : {false, true}) {
    checkConvolution(f, 4, 7, 3, 1, 1, residual);
    checkConvolution(f, 3, 70, 3, 2, 1, residual);
    checkConvolution(f, 24, 65, 3, 1, 2, residual);
    checkConvolution(f, 6, 5, 1, 1, 1, residual);
  }
  constexpr Together kTogether[] = {{6, 1, 1, 70}, {6, 1, 3, 24}, {90, 45, 4, 5}, {200, 100, 1, 33}};
  for (const Together &t : kTogether)
    for (const bool rms : {false, true})
      for (const bool modulated : {false, true}) checkNorm(f, t, rms, modulated, 0.5f);
}

}  // namespace

int main() {
  for (const Form &f : kForms) {
    for (const Size &size : kSizes) checkElementwise(f, size), checkCombination(f, size), checkDistance(f, size);
    for (const int64_t columns : {1, 5, 130, 511, 512, 513, 1152, 1536, 1538, 2500}) checkLayerNorm(f, 2, 3, columns, 0.5f);
    checkLayerNorm(f, 1, 1, 1152, 0);
    checkPatches(f, 4, 5, 3, 2);
    checkPatches(f, 3, 2, 4, 4);
    checkPatches(f, 1, 1, 1, 1);
    for (const int64_t columns : {2, 10, 256}) checkTimesteps(f, columns);
    for (const int64_t columns : {1, 7, 64}) checkGather(f, columns);
    for (const bool difference : {false, true}) {
      checkStatistics(f, 2, 21, 70, difference);
      checkStatistics(f, 1, 3, 5, difference);
      checkStatistics(f, 3, 1, 130, difference);
    }
    checkConvolutionsAndNorms(f);
    std::printf("small operations, %s: passed\n", f.name);
  }
  // A mean far from 0, where squares less the square of the mean would lose the variance.
  checkLayerNorm(kForms[0], 2, 3, 1152, 100);
  checkLayerNorm(kForms[0], 2, 3, 2500, 100);
  checkNorm(kForms[0], {90, 45, 4, 5}, false, false, 100);
  checkDistanceFromZero();
  checkInPlace();
  checkTail();
  std::puts("small operations: all passed");
}
