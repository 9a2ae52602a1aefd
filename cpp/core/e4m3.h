// Rows of e4m3 numbers (8 bits: sign, 4 of exponent, 3 of mantissa, no infinity) with one float32 scale a row, which makes the
// largest of a row 448 (src/backend/e4m3.ts). In memory the scale comes first, then an element a byte; both are filled to 16
// bytes. `static`: kernels of every instruction set include this, and each must keep a copy of its own.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define INCACHE_EVERYWHERE static __host__ __device__ __forceinline__
#else
#define INCACHE_EVERYWHERE static inline
#endif

namespace incache {

constexpr int64_t kScaleBytes = 16;
INCACHE_EVERYWHERE int64_t scaledRowBytes(int64_t columns) { return kScaleBytes + (columns + 15) / 16 * 16; }
// Of a row whose largest absolute value is given.
INCACHE_EVERYWHERE float scaleOf(float largest) { return largest / 448.0f; }

INCACHE_EVERYWHERE float widenE4m3(uint8_t v) {
  const uint32_t size = v & 0x7fu;
  // The exponent of the one is biased by 7, that of the other by 127. Below 8 there is no leading one.
  const uint32_t bits = size == 0x7f ? 0x7fc00000u : (size << 20) + (120u << 23);
  float value;
  memcpy(&value, &bits, 4);
  if (size < 8) value = static_cast<float>(size) * 0.001953125f;
  return v & 0x80u ? -value : value;
}

// To the nearest, ties to even; beyond 448 that. NaN stays NaN.
INCACHE_EVERYWHERE uint8_t narrowE4m3(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  const uint32_t sign = bits >> 24 & 0x80u;
  const float size = fabsf(value);
  if (value != value) return static_cast<uint8_t>(sign | 0x7f);
  if (size >= 448.0f) return static_cast<uint8_t>(sign | 0x7e);
  if (size < 0.015625f) return static_cast<uint8_t>(sign | static_cast<uint32_t>(rintf(size * 512.0f)));
  bits &= 0x7fffffffu;
  const uint32_t rounded = (bits + 0x7ffff + (bits >> 20 & 1)) >> 20;
  return static_cast<uint8_t>(sign | (rounded - (120u << 3)));
}

// An element of a row whose scale is given; all elements are 0 under a scale of 0.
INCACHE_EVERYWHERE uint8_t narrowScaled(float value, float scale) { return scale == 0 ? uint8_t{0} : narrowE4m3(value / scale); }

}  // namespace incache
