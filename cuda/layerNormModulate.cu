// out = LN(x) (1 + scale) + shift. Two passes over a row: the mean, then the variance about it.
#include "common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct LayerNormArguments {
  Operand x, shift, scale, out;
  int64_t rows, columns, perImage;
  float epsilon;
  bool fours;
};

// A row in registers: the fours of one lane of the warp that has it.
template <int Fours>
struct KeptRow {
  static constexpr int kThreads = 32, kRows = 4;
  static constexpr int64_t kMostColumns = kThreads * 4 * Fours;
  Four values[Fours];

  __device__ __forceinline__ KeptRow(const LayerNormArguments &a, int64_t row, int thread) {
#pragma unroll
    for (int i = 0; i < Fours; i++) values[i] = at(a, row, thread, i).read(a.x, row);
  }
  // act(columns, values) for each four that is there.
  template <class Act>
  __device__ __forceinline__ void each(const LayerNormArguments &a, int64_t row, int thread, Act act) const {
#pragma unroll
    for (int i = 0; i < Fours; i++)
      if ((thread + i * kThreads) * 4 < a.columns) act(at(a, row, thread, i), values[i]);
  }

 private:
  static __device__ __forceinline__ FourColumns at(const LayerNormArguments &a, int64_t row, int thread, int i) {
    return {row, (thread + i * kThreads) * 4, a.columns, a.fours};
  }
};

// A row of any width, read again at every pass: the second and third time from a cache.
struct ReadRow {
  static constexpr int kThreads = 256, kRows = 1;

  __device__ __forceinline__ ReadRow(const LayerNormArguments &, int64_t, int) {}
  template <class Act>
  __device__ __forceinline__ void each(const LayerNormArguments &a, int64_t row, int thread, Act act) const {
    for (int64_t column = thread * 4; column < a.columns; column += kThreads * 4) {
      const FourColumns at{row, column, a.columns, a.fours};
      act(at, at.read(a.x, row));
    }
  }
};

// Of all threads of a row, the same for each of them.
template <int Threads>
__device__ __forceinline__ float sumOfRow(float sum) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
  if constexpr (Threads > 32) {
    float *sums = reinterpret_cast<float *>(sharedMemory());
    synchronizeBlock();
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    synchronizeBlock();
    sum = 0;
#pragma unroll
    for (int warp = 0; warp < Threads / 32; warp++) sum += sums[warp];
  }
  return sum;
}

// A block has Row::kRows rows, each of them Row::kThreads threads.
template <class Row>
__global__ void __launch_bounds__(Row::kThreads *Row::kRows) layerNormModulateKernel(const __grid_constant__ LayerNormArguments a) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * Row::kRows + threadIdx.x / Row::kThreads;
  if (row >= a.rows) return;
  const int thread = static_cast<int>(threadIdx.x) % Row::kThreads;
  const Row values(a, row, thread);

  float sum = 0;
  // What lies past the end is 0.
  values.each(a, row, thread, [&](const FourColumns &, const Four &x) { sum += (x.at[0] + x.at[1]) + (x.at[2] + x.at[3]); });
  const float mean = sumOfRow<Row::kThreads>(sum) / static_cast<float>(a.columns);

  float squares = 0;
  values.each(a, row, thread, [&](const FourColumns &at, const Four &x) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float d = at.column + j < a.columns ? x.at[j] - mean : 0.0f;
      squares += d * d;
    }
  });
  const float inverse = 1.0f / sqrtf(sumOfRow<Row::kThreads>(squares) / static_cast<float>(a.columns) + a.epsilon);

  const int64_t image = divide(row, a.perImage).quotient;
  values.each(a, row, thread, [&](const FourColumns &at, const Four &x) {
    const Four scale = at.read(a.scale, image), shift = at.read(a.shift, image);
    Four y;
#pragma unroll
    for (int j = 0; j < 4; j++) y.at[j] = (x.at[j] - mean) * inverse * (1.0f + scale.at[j]) + shift.at[j];
    at.write(a.out, y);
  });
}

template <class Row>
void launchRows(const LayerNormArguments &a, const LaunchContext &context) {
  launch(layerNormModulateKernel<Row>, dim3(static_cast<unsigned>(divideUp(a.rows, Row::kRows))), dim3(Row::kThreads * Row::kRows),
         Row::kThreads / 32 * 4, context, a);
}

void launchLayerNormModulate(const BoundOp &b, const LaunchContext &context) {
  const LayerNormArguments a{operandOf(b.x),          operandOf(b.shift), operandOf(b.scale), operandOf(b.out), b.x.rows, b.x.columns,
                             b.x.rows / b.shift.rows, static_cast<float>(b.op->epsilon),
                             allowsFours(b.x) && allowsFours(b.shift) && allowsFours(b.scale) && allowsFours(b.out)};
  if (a.columns <= KeptRow<4>::kMostColumns) return launchRows<KeptRow<4>>(a, context);
  if (a.columns <= KeptRow<12>::kMostColumns) return launchRows<KeptRow<12>>(a, context);
  launchRows<ReadRow>(a, context);
}

}  // namespace

const CudaKernel kLayerNormModulate = {noScratch, launchLayerNormModulate};

}  // namespace incache::cuda::INCACHE_STORAGE
