// The convolution: on plain cores, and on tensor cores in each of their tiles.
#pragma once
#include "../../linear/tiles.h"
#include "form.h"

namespace incache::cuda::test {

struct Picture {
  int64_t images, height, width;
};
struct Filter {
  int64_t inputs, outputs, kernel, stride, upsample;
};

inline void checkConvolution(const Form &f, const Picture &picture, const Filter &filter, bool residual) {
  const auto [images, height, width] = picture;
  const auto [inputs, outputs, kernel, stride, upsample] = filter;
  Random random(10);
  const int64_t taps = kernel * kernel;
  Op op{};
  op.height = height, op.width = width, op.kernel = kernel, op.stride = stride, op.upsample = upsample;
  op.padBottom = op.padRight = kernel / 2, op.padTop = op.padLeft = stride == 1 ? kernel / 2 : 0;
  op.epilogue = residual ? Epilogue::residual : Epilogue::silu;
  const auto sizeOf = [stride = stride, upsample = upsample, kernel = kernel](int64_t size, int64_t pads) {
    return (size * upsample + pads - kernel) / stride + 1;
  };
  const int64_t down = sizeOf(op.height, op.padTop + op.padBottom), across = sizeOf(op.width, op.padLeft + op.padRight);
  Tensor x(images * op.height * op.width, inputs, f.in, f.margin), other(images * down * across, outputs, f.other, f.margin),
      bias(1, outputs, kFloat), out(images * down * across, outputs, f.out, f.margin);
  Weight weight(outputs, taps * inputs, f.in == kHalf);
  x.fill(random), other.fill(random), bias.fill(random), weight.fill(random);
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.weight = weight.panels(), b.bias = bias.matrix(), b.out = out.matrix();
  if (residual) b.residual = other.matrix();
  const auto seen = [&](int64_t image, int64_t y, int64_t across_, int64_t channel) {
    const bool inside = y >= 0 && across_ >= 0 && y < op.height * op.upsample && across_ < op.width * op.upsample;
    return inside ? x.at((image * op.height + y / op.upsample) * op.width + across_ / op.upsample, channel) : 0.0;
  };
  check(kConvolution, b, out, nameOf("convolution", f, out.rows(), outputs), boundOf(f.out, 2e-6), [&](int64_t i, int64_t j) {
    const int64_t image = i / (down * across), top = i / across % down * op.stride - op.padTop, left = i % across * op.stride - op.padLeft;
    double sum = bias.at(0, j);
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t c = 0; c < x.columns(); c++)
        sum += weight.at(j, tap * x.columns() + c) * seen(image, top + tap / op.kernel, left + tap % op.kernel, c);
    return residual ? other.at(i, j) + sum : siluExact(sum);
  });
  if (!residual || f.other != f.out) return;
  b.residual = b.out = other.matrix();
  run(kConvolution, b);
  for (int64_t i = 0; i < out.rows(); i++)
    for (int64_t j = 0; j < out.columns(); j++) expect(other.at(i, j) == out.at(i, j), "in place a convolution gives something else");
}

// On three multiprocessors, with the tile of that place in kTileSizes.
inline void checkTiledConvolution(int tile, const Picture &picture, const Filter &filter) {
  constexpr Form kWhole[] = {{"Half, whole pieces", kHalf, kHalf, kHalf, 8}, {"Half to float32, whole pieces", kHalf, kFloat, kFloat, 8}};
  const auto sizeOf = [&](int64_t size) { return size * filter.upsample / filter.stride; };
  const int64_t rows = picture.images * sizeOf(picture.height) * sizeOf(picture.width);
  expect(chooseTile(rows, filter.outputs, 3) == tile, "a convolution takes tile %d, not %d", chooseTile(rows, filter.outputs, 3), tile);
  for (const Form &f : kWhole)
    for (const bool residual : {false, true}) checkConvolution(f, picture, filter, residual);
}

}  // namespace incache::cuda::test
