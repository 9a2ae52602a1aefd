// Norms, statistics and distances: what sums over rows or columns.
#pragma once
#include "form.h"

namespace incache::cuda::test {

inline void checkLayerNorm(const Form &f, int64_t images, int64_t tokens, int64_t columns, float offset) {
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

struct Together {
  int64_t rows, span, groups, width;
};

inline void checkNorm(const Form &f, const Together &t, bool rms, bool modulated, float offset) {
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

inline void checkStatistics(const Form &f, int64_t images, int64_t tokens, int64_t columns, bool difference) {
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

inline void checkDistance(const Form &f, const Size &size) {
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
inline void checkDistanceFromZero() {
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

}  // namespace incache::cuda::test
