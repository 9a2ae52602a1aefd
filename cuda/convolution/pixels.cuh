// The left factor of a convolution as a product: a row for each pixel of out, in which the channels of what its filter sees follow each
// other tap by tap, read from the image as they are needed.
#pragma once
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct Pixels {
  Operand x;
  int64_t rows;  // of out
  int depth, channels, kernel, stride, upsample, height, width, outHeight, outWidth, padTop, padLeft;
};

inline Pixels pixelsOf(const BoundOp &b) {
  const Op &op = *b.op;
  const auto size = [&](int64_t of, int64_t pads) { return static_cast<int>((of * op.upsample + pads - op.kernel) / op.stride + 1); };
  return {operandOf(b.x),
          b.out.rows,
          static_cast<int>(b.weight.depth),
          static_cast<int>(b.x.columns),
          static_cast<int>(op.kernel),
          static_cast<int>(op.stride),
          static_cast<int>(op.upsample),
          static_cast<int>(op.height),
          static_cast<int>(op.width),
          size(op.height, op.padTop + op.padBottom),
          size(op.width, op.padLeft + op.padRight),
          static_cast<int>(op.padTop),
          static_cast<int>(op.padLeft)};
}

// Where the filter begins for a pixel of out, in the upsampled image; a pixel that is not there sees zeros alone.
struct FilterPlace {
  int64_t imageRow;
  int top, left;
};
__device__ __forceinline__ FilterPlace placeOf(const Pixels &p, int64_t row) {
  if (row >= p.rows) return {0, -(1 << 30), 0};
  const Division line = divide(row, p.outWidth), image = divide(line.quotient, p.outHeight);
  return {image.quotient * p.height, static_cast<int>(image.remainder) * p.stride - p.padTop,
          static_cast<int>(line.remainder) * p.stride - p.padLeft};
}

// Element k of the depth: a channel of the pixel at (down, across) of the filter.
struct Tap {
  int down, across, channel;
};
__device__ __forceinline__ Tap tapOf(const Pixels &p, int k) {
  const int tap = k / p.channels, down = tap / p.kernel;
  return {down, tap - down * p.kernel, k - tap * p.channels};
}

// The row of x that a tap sees; -1 outside of the image, and beyond the last tap.
__device__ __forceinline__ int64_t seenRow(const Pixels &p, const FilterPlace &place, const Tap &tap) {
  const int y = place.top + tap.down, x = place.left + tap.across;
  const bool inside = tap.down < p.kernel && y >= 0 && x >= 0 && y < p.height * p.upsample && x < p.width * p.upsample;
  // An upsampled image is twice as large.
  return inside ? (place.imageRow + (y >> (p.upsample - 1))) * p.width + (x >> (p.upsample - 1)) : -1;
}

}  // namespace incache::cuda::INCACHE_STORAGE
