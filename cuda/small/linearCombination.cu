// out = sum of coefficient * x over the terms. Terms and the output may be rows of e4m3 with their scales (cpp/core/e4m3.h).
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int kTerms = kMostTerms;

__device__ __forceinline__ unsigned char *scaledRow(const Operand &m, int64_t row) { return static_cast<unsigned char *>(m.at) + row * m.stride; }

// From a multiple of four columns on; what fills the row is read too.
__device__ __forceinline__ Four readScaledFour(const Operand &m, const FourColumns &at) {
  const unsigned char *row = scaledRow(m, at.row);
  const float scale = *reinterpret_cast<const float *>(row);
  const uint32_t word = *reinterpret_cast<const uint32_t *>(row + kScaleBytes + at.column);
  Four v;
#pragma unroll
  for (int j = 0; j < 4; j++) v.at[j] = widenE4m3(static_cast<uint8_t>(word >> 8 * j)) * scale;
  return v;
}

struct Combination {
  struct {
    Operand x;
    bool scaled;
    float coefficient;
  } terms[kTerms];
  int count;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four sum{};
#pragma unroll
    for (int i = 0; i < kTerms; i++) {
      if (i >= count) break;
      const Four v = terms[i].scaled ? readScaledFour(terms[i].x, at) : at.read(terms[i].x, at.row);
#pragma unroll
      for (int j = 0; j < 4; j++) sum.at[j] += terms[i].coefficient * v.at[j];
    }
    return sum;
  }
};

constexpr int kScaledThreads = 256, kScaledRows = kScaledThreads / 32;

// To rows of e4m3, one a warp. The scale has to be known before the first element is written: all are computed twice.
__global__ void __launch_bounds__(kScaledThreads)
    combineToScaledRows(const __grid_constant__ Combination combination, const __grid_constant__ Operand out, int64_t rows, int64_t columns,
                        bool fours) {
  const int thread = static_cast<int>(threadIdx.x), first = thread % 32 * 4;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kScaledRows + thread / 32;
  if (row >= rows) return;
  float largest = 0;
#pragma unroll 1
  for (int64_t column = first; column < columns; column += 128) {
    const Four v = combination({row, column, columns, fours});
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (column + j < columns) largest = fmaxf(largest, fabsf(v.at[j]));
  }
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) largest = fmaxf(largest, shuffleXor(largest, mask));
  const float scale = scaleOf(largest);
  unsigned char *to = scaledRow(out, row);
#pragma unroll 1
  for (int64_t column = first; column < columns; column += 128) {
    const Four v = combination({row, column, columns, fours});
    uint32_t word = 0;
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (column + j < columns) word |= static_cast<uint32_t>(narrowScaled(v.at[j], scale)) << 8 * j;
    *reinterpret_cast<uint32_t *>(to + kScaleBytes + column) = word;
  }
  // The output may be a term, whose scale all lanes have read by then.
  synchronizeWarp();
  if (first == 0) *reinterpret_cast<float *>(to) = scale;
}

void launchLinearCombination(const BoundOp &b, const LaunchContext &context) {
  Combination combination{};
  combination.count = static_cast<int>(b.terms.size());
  // Terms that are absent allow fours.
  Matrix terms[kTerms];
  for (int i = 0; i < combination.count; i++) {
    const size_t place = static_cast<size_t>(i);
    terms[i] = b.terms[place];
    combination.terms[i] = {operandOf(terms[i]), terms[i].type == INCACHE_E4M3, static_cast<float>(b.op->terms[place].coefficient)};
  }
  if (b.out.type != INCACHE_E4M3)
    return launchElementwise(combination, {&terms[0], &terms[1], &terms[2], &terms[3]}, b.out, context);
  bool fours = true;
  for (const Matrix &m : terms) fours = fours && allowsFours(m);
  launch(combineToScaledRows, dim3(static_cast<unsigned>(divideUp(b.out.rows, kScaledRows))), dim3(kScaledThreads), 0, context, combination,
         operandOf(b.out), b.out.rows, b.out.columns, fours);
}

}  // namespace

const CudaKernel kLinearCombination = {noScratch, launchLinearCombination};

}  // namespace incache::cuda::INCACHE_STORAGE
