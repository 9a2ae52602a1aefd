// Products in float32 throughout, for weights in float32: the exact mode. Plain tiles; speed is not its purpose.
#pragma once
#include "../common/pipeline.cuh"
#include "../common/simt.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// Rows that pass through scratch at a time.
constexpr int64_t kExactRows = 4096;

// Sum over k of (x - cached)(m, k) w(n, k).
struct ExactProduct {
  Operand x, cached, weight;
  int64_t rows, columns, depth;
};

// x is first rounded to what the cache holds, so that an input that has not changed leaves 0.
__device__ __forceinline__ void subtract(SimtFactor &x, const SimtFactor &cached, const Operand &cache) {
#pragma unroll
  for (int i = 0; i < SimtFactor::kCount; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) x.values[i].at[j] = cache.rounded(x.values[i].at[j]) - cached.values[i].at[j];
}

// A block: 64 rows and columns. `finish(row, column, sum)` takes each sum.
template <class Finish>
__global__ void __launch_bounds__(kSimtThreads) exactKernel(const __grid_constant__ ExactProduct p, const __grid_constant__ Finish finish) {
  float *shared = reinterpret_cast<float *>(sharedMemory());
  const int thread = static_cast<int>(threadIdx.x), depth = static_cast<int>(p.depth);
  const int64_t row = static_cast<int64_t>(blockIdx.y) * kSimtTile, column = static_cast<int64_t>(blockIdx.x) * kSimtTile;
  const int rows = static_cast<int>(min(p.rows - row, int64_t{kSimtTile}));
  const int columns = static_cast<int>(min(p.columns - column, int64_t{kSimtTile}));
  SimtFactor x, cached, right;
  SimtSums sums;
  sums.clear();
  const auto begin = [&](int step, int) {
    const int k = step * kSimtStep;
    x.load(p.x, false, row, k, rows, depth - k, thread);
    if (p.cached.at) cached.load(p.cached, false, row, k, rows, depth - k, thread);
    right.load(p.weight, true, column, k, columns, depth - k, thread);
  };
  const auto use = [&](int stage) {
    const float *factors = shared + stage * 2 * kSimtFactorFloats;
    sums.multiply(factors, factors + kSimtFactorFloats, thread);
  };
  const auto end = [&](int, int stage) {
    float *factors = shared + stage * 2 * kSimtFactorFloats;
    if (p.cached.at) subtract(x, cached, p.cached);
    x.store(factors, thread);
    right.store(factors + kSimtFactorFloats, thread);
  };
  runPipeline<2>((depth + kSimtStep - 1) / kSimtStep, begin, use, end);
#pragma unroll
  for (int i = 0; i < SimtSums::kRows; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int m = SimtSums::rowOf(thread) + i, n = SimtSums::columnOf(thread) + j;
      if (m < rows && n < columns) finish(row + m, column + n, sums.at[i].at[j]);
    }
}

template <class Finish>
void launchExact(const ExactProduct &product, const Finish &finish, const LaunchContext &context) {
  const dim3 grid(static_cast<unsigned>(divideUp(product.columns, kSimtTile)), static_cast<unsigned>(divideUp(product.rows, kSimtTile)));
  launch(exactKernel<Finish>, grid, dim3(kSimtThreads), 2 * 2 * kSimtFactorFloats * 4, context, product, finish);
}

// h, less that of the rank form.
struct StoreExactHidden {
  Operand hidden, cached;
  int64_t firstRow, firstRank;
  __device__ __forceinline__ void operator()(int64_t row, int64_t column, float sum) const {
    if (cached.at) sum -= cached.read(firstRow + row, firstRank + column);
    hidden.write(row, column, sum);
  }
};

struct FinishExactOutput {
  EpilogueArguments epilogue;
  int64_t firstRow, firstColumn;
  __device__ __forceinline__ void operator()(int64_t row, int64_t column, float sum) const {
    finish(epilogue, firstRow + row, firstColumn + column, sum);
  }
};

inline Operand rowsFrom(const Matrix &m, int64_t row) {
  Operand operand = operandOf(m);
  if (operand.at) operand.at = static_cast<char *>(operand.at) + row * m.stride * bytesOf(m.type);
  return operand;
}

// h = Wb (x - C(x)), or Wb x - C(h), for `rows` rows from `row` on; the pair's first rank is column `rank` of C(h).
inline void launchExactDown(const BoundOp &b, const Panels &down, int64_t row, int64_t rows, int64_t rank, const Operand &hidden,
                            const LaunchContext &context) {
  launchExact(ExactProduct{rowsFrom(b.x, row), rowsFrom(b.cachedInput, row), operandOf(down), rows, down.rows, down.depth},
              StoreExactHidden{hidden, operandOf(b.cachedHidden), row, rank}, context);
}
// Columns from `column` on of the output.
inline void launchExactUp(const BoundOp &b, const Panels &up, int64_t row, int64_t rows, int64_t column, const Operand &hidden,
                          const LaunchContext &context) {
  launchExact(ExactProduct{hidden, {}, operandOf(up), rows, up.rows, up.depth}, FinishExactOutput{epilogueOf(b), row, column}, context);
}

}  // namespace incache::cuda::INCACHE_STORAGE
