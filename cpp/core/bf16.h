// One bfloat16 at a time. `static`: kernels of every instruction set include this, and each must keep a copy of its own.
#pragma once
#include <cstdint>
#include <cstring>

namespace incache {

static inline float widenOne(uint16_t half) {
  const uint32_t bits = static_cast<uint32_t>(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// To the nearest, ties to even; NaN stays NaN, whatever its payload.
static inline uint16_t narrowOne(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

}  // namespace incache
