// Elements of operands of either type, and the functions that epilogues need.
#pragma once
#include "launch.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// An operand as kernels take it: by value, half the size of a Matrix. `at` is null for an operand that is absent.
struct Operand {
  void *at;
  int64_t stride;
  bool half;  // Half, else float32

  __device__ __forceinline__ float read(int64_t row, int64_t column) const {
    const int64_t place = row * stride + column;
    return half ? toFloat(static_cast<const Half *>(at)[place]) : static_cast<const float *>(at)[place];
  }
  __device__ __forceinline__ void write(int64_t row, int64_t column, float value) const {
    const int64_t place = row * stride + column;
    if (half)
      static_cast<Half *>(at)[place] = toHalf(value);
    else
      static_cast<float *>(at)[place] = value;
  }
  // What `value` is once it has been stored here.
  __device__ __forceinline__ float rounded(float value) const { return half ? toFloat(toHalf(value)) : value; }
};

inline Operand operandOf(const Matrix &m) { return {m.at, m.stride, m.type == kHalfType}; }
inline Operand operandOf(const Panels &w) { return {const_cast<Word *>(w.at), weightStride(w.depth), w.type == kHalfType}; }

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), as x / (1 + exp(-2 u)).
__device__ __forceinline__ float geluOf(float x) {
  const float u = x * (1.5957691216f + 0.0713548163f * x * x);
  return x * reciprocal(1.0f + powerOfTwo(-1.44269504f * u));
}
// x sigmoid(1.702 x).
__device__ __forceinline__ float geluQuickOf(float x) { return x * reciprocal(1.0f + powerOfTwo(-1.702f * 1.44269504f * x)); }
// 0.5 x (1 + erf(x / sqrt 2)) = max(x, 0) - |x| h, h the probability that a normal variable is above |x|: its density times a polynomial
// of 1 / (1 + 0.26 |x|), to 3e-7 of itself for |x| up to 9.
__device__ __forceinline__ float geluErfOf(float x) {
  const float a = fabsf(x), t = reciprocal(1.0f + 0.26f * a);
  float p = -0.07566268231f * t + 0.2393157275f;
  p = p * t - 0.122418778f;
  p = p * t + 0.1791129903f;
  p = p * t + 0.06786569917f;
  p = p * t + 0.1083746775f;
  p = p * t + 0.1034122244f;
  return fmaxf(x, 0.0f) - a * (p * t * powerOfTwo(-0.5f * 1.44269504f * a * a));
}
__device__ __forceinline__ float siluOf(float x) { return x * reciprocal(1.0f + powerOfTwo(-1.44269504f * x)); }

// each(f), f the function of an element, where the epilogue is an activation.
template <class Each>
__device__ __forceinline__ void withActivation(Epilogue kind, Each each) {
  if (kind == Epilogue::gelu) each([](float y) { return geluOf(y); });
  if (kind == Epilogue::geluErf) each([](float y) { return geluErfOf(y); });
  if (kind == Epilogue::geluQuick) each([](float y) { return geluQuickOf(y); });
  if (kind == Epilogue::silu) each([](float y) { return siluOf(y); });
}

}  // namespace incache::cuda::INCACHE_STORAGE
