// Patches, timestep embeddings and rows of a table.
#pragma once
#include <algorithm>

#include "form.h"

namespace incache::cuda::test {

inline void checkPatches(const Form &f, int64_t channels, int64_t down, int64_t across, int64_t patch) {
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

inline void checkTimesteps(const Form &f, int64_t columns) {
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

inline void checkGather(const Form &f, int64_t columns) {
  Random random(5);
  const int64_t rows = 23, tableRows = 9;
  Tensor table(tableRows, columns, f.in, f.margin), out(rows, columns, f.out, f.margin);
  table.fill(random);
  const Array<int32_t> index(rows * 2);
  const auto held = [&](int64_t i) { return std::max<int64_t>(0, std::min<int64_t>(index[2 * i], tableRows - 1)); };
  for (int64_t i = 0; i < rows; i++) index[2 * i] = static_cast<int32_t>(random.from(0, tableRows - 1));
  // Out of the table.
  index[2] = -1, index[4] = tableRows, index[6] = std::numeric_limits<int32_t>::max();
  Op op{};
  BoundOp b{};
  b.op = &op, b.table = table.matrix(), b.index = {index.data(), 2, rows, 1, kFloat}, b.out = out.matrix();
  check(kGatherRows, b, out, nameOf("gatherRows", f, rows, columns), boundOf(f.out, 0), [&](int64_t i, int64_t j) { return table.at(held(i), j); });
}

}  // namespace incache::cuda::test
