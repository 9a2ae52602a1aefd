// Four neighbouring columns of a row at a time: one access of 8 or 16 bytes where an operand's alignment allows it.
#pragma once
#include "epilogue.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct Four {
  float at[4];
};

// Whether any four columns from a multiple of four on can be read and written at once; true of an operand that is absent.
inline bool allowsFours(const Matrix &m) {
  return !m.at || (m.stride % 4 == 0 && reinterpret_cast<uintptr_t>(m.at) % (4 * bytesOf(m.type)) == 0);
}

__device__ __forceinline__ Four readFour(const Operand &m, int64_t row, int64_t column) {
  const int64_t place = row * m.stride + column;
  if (m.half) {
    const uint2 words = *reinterpret_cast<const uint2 *>(static_cast<const Half *>(m.at) + place);
    return {{lowOf(words.x), highOf(words.x), lowOf(words.y), highOf(words.y)}};
  }
  const float4 v = *reinterpret_cast<const float4 *>(static_cast<const float *>(m.at) + place);
  return {{v.x, v.y, v.z, v.w}};
}

__device__ __forceinline__ void writeFour(const Operand &m, int64_t row, int64_t column, const Four &v) {
  const int64_t place = row * m.stride + column;
  if (m.half)
    *reinterpret_cast<uint2 *>(static_cast<Half *>(m.at) + place) = make_uint2(packHalf(v.at[0], v.at[1]), packHalf(v.at[2], v.at[3]));
  else
    *reinterpret_cast<float4 *>(static_cast<float *>(m.at) + place) = make_float4(v.at[0], v.at[1], v.at[2], v.at[3]);
}

// Four columns of which only the first `valid`, 4 or more for all and 0 or less for none, exist; the others are 0. `fours`: m allows it.
__device__ __forceinline__ Four readSome(const Operand &m, bool fours, int64_t row, int64_t column, int valid) {
  if (fours && valid >= 4) return readFour(m, row, column);
  Four v{};
#pragma unroll
  for (int i = 0; i < 4; i++)
    if (i < valid) v.at[i] = m.read(row, column + i);
  return v;
}

}  // namespace incache::cuda::INCACHE_STORAGE
