// One float16 (IEEE binary16) at a time. `static`: as in bf16.h.
#pragma once
#include <cstdint>
#include <cstring>

namespace incache {

static inline float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
static inline uint32_t bitsOfFloat(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

static inline float widenF16(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16, magnitude = half & 0x7fff;
  if (magnitude >= 0x7c00) return floatOfBits(sign | 0x7f800000 | magnitude << 13);
  // Below 2^-14 it counts steps of 2^-24.
  if (magnitude < 0x400) return (sign ? -0x1p-24f : 0x1p-24f) * static_cast<float>(magnitude);
  return floatOfBits(sign | ((magnitude << 13) + 0x38000000));
}

// To the nearest, ties to even; infinite from 65,520 on. NaN stays NaN.
static inline uint16_t narrowF16(float value) {
  const uint32_t sign = bitsOfFloat(value) >> 16 & 0x8000, bits = bitsOfFloat(value) & 0x7fffffff;
  if (bits > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (bits >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);
  // Below 2^-14 the result counts steps of 2^-24, which are those of a float32 from 0.5 on.
  if (bits < 0x38800000) return static_cast<uint16_t>(sign | (bitsOfFloat(floatOfBits(bits) + 0.5f) - bitsOfFloat(0.5f)));
  return static_cast<uint16_t>(sign | ((bits - 0x38000000 + 0xfff + (bits >> 13 & 1)) >> 13));
}

}  // namespace incache
