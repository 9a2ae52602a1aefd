// Operations that go element by element, four neighbouring columns of a row a thread.
#pragma once
#include <algorithm>

#include "fours.cuh"

namespace incache::cuda::INCACHE_STORAGE {

constexpr int kElementwiseThreads = 256;
// Blocks a multiprocessor at most; beyond, a thread takes several elements in turn.
constexpr int kElementwiseBlocks = 16;

inline dim3 elementwiseGrid(int64_t items, const LaunchContext &context) {
  const int64_t most = int64_t{kElementwiseBlocks} * context.chip.multiprocessors;
  return dim3(static_cast<unsigned>(std::min(divideUp(items, kElementwiseThreads), most)));
}

// act(item) for the items of this thread.
template <class Act>
__device__ __forceinline__ void eachItem(int64_t items, Act act) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
#pragma unroll 1
  for (int64_t item = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; item < items; item += step) act(item);
}

struct Division {
  int64_t quotient, remainder;
};
// In 32 bits where these suffice: 64-bit division is many times slower.
__device__ __forceinline__ Division divide(int64_t a, int64_t b) {
  if ((a | b) >> 32 == 0) {
    const uint32_t quotient = static_cast<uint32_t>(a) / static_cast<uint32_t>(b);
    return {quotient, static_cast<uint32_t>(a) - quotient * static_cast<uint32_t>(b)};
  }
  return {a / b, a % b};
}

// Columns `column` to `column` + 3, less those from `columns` on, of a row; `fours`: operands allow all four at once.
struct FourColumns {
  int64_t row, column, columns;
  bool fours;

  // Of a row of an operand that is as wide as the output; 0 past the end.
  __device__ __forceinline__ Four read(const Operand &m, int64_t of) const {
    if (fours && column + 4 <= columns) return readFour(m, of, column);
    Four v{};
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (column + j < columns) v.at[j] = m.read(of, column + j);
    return v;
  }
  __device__ __forceinline__ void write(const Operand &m, const Four &v) const {
    if (fours && column + 4 <= columns) return writeFour(m, row, column, v);
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (column + j < columns) m.write(row, column + j, v.at[j]);
  }
};

// Element: from a FourColumns to the four values that belong there.
template <class Element>
__global__ void __launch_bounds__(kElementwiseThreads)
    elementwiseKernel(const __grid_constant__ Element element, const __grid_constant__ Operand out, int64_t rows, int64_t columns, bool fours) {
  const int64_t foursAcross = (columns + 3) / 4;
  eachItem(rows * foursAcross, [&](int64_t item) {
    const Division place = divide(item, foursAcross);
    const FourColumns at{place.quotient, place.remainder * 4, columns, fours};
    at.write(out, element(at));
  });
}

// `operands`: those that are read as wide as the output is.
template <class Element>
void launchElementwise(const Element &element, std::initializer_list<const Matrix *> operands, const Matrix &out, const LaunchContext &context) {
  bool fours = allowsFours(out);
  for (const Matrix *m : operands) fours = fours && allowsFours(*m);
  launch(elementwiseKernel<Element>, elementwiseGrid(out.rows * divideUp(out.columns, 4), context), dim3(kElementwiseThreads), 0, context,
         element, operandOf(out), out.rows, out.columns, fours);
}

// out = f(x), element by element.
template <class F>
struct Unary {
  Operand x;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four v = at.read(x, at.row);
#pragma unroll
    for (int j = 0; j < 4; j++) v.at[j] = F()(v.at[j]);
    return v;
  }
};
template <class F>
void launchUnary(const BoundOp &b, const LaunchContext &context) {
  launchElementwise(Unary<F>{operandOf(b.x)}, {&b.x}, b.out, context);
}

}  // namespace incache::cuda::INCACHE_STORAGE
