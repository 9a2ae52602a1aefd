// The convolution.
#pragma once
#include "form.h"

namespace incache::cuda::test {

inline void checkConvolution(const Form &f, int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride, int64_t upsample, bool residual) {
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

}  // namespace incache::cuda::test
