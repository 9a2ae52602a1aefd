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

__device__ __forceinline__ float sumOfWarp(float sum) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
  return sum;
}

// ---- Rows of float32 in fours: a warp has a row in registers --------------------------------------------------------

constexpr int kWarpRows = 4;
constexpr int64_t mostColumns(int fours) { return int64_t{32} * 4 * fours; }

bool suitsWarps(const LayerNormArguments &a) { return a.fours && !a.x.half && !a.shift.half && !a.scale.half && a.columns % 4 == 0; }

// Fours: of a lane.
template <int Fours>
__global__ void __launch_bounds__(32 * kWarpRows) layerNormOfWarp(const __grid_constant__ LayerNormArguments a) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kWarpRows + threadIdx.x / 32;
  if (row >= a.rows) return;
  const int first = static_cast<int>(threadIdx.x) % 32 * 4, columns = static_cast<int>(a.columns);
  const auto load = [&](const Operand &m, int64_t of, int i) {
    const int column = first + i * 128;
    const float4 v = loadFourIf(column < columns, static_cast<const float *>(m.at) + of * m.stride + column);
    return Four{{v.x, v.y, v.z, v.w}};
  };
  Four x[Fours];
#pragma unroll
  for (int i = 0; i < Fours; i++) x[i] = load(a.x, row, i);

  float sum = 0, squares = 0;
#pragma unroll
  for (int i = 0; i < Fours; i++) sum += (x[i].at[0] + x[i].at[1]) + (x[i].at[2] + x[i].at[3]);
  const float mean = sumOfWarp(sum) / static_cast<float>(columns);
#pragma unroll
  for (int i = 0; i < Fours; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float d = first + i * 128 < columns ? x[i].at[j] - mean : 0.0f;
      squares += d * d;
    }
  const float inverse = 1.0f / sqrtf(sumOfWarp(squares) / static_cast<float>(columns) + a.epsilon);

  const int64_t image = divide(row, a.perImage).quotient;
#pragma unroll
  for (int i = 0; i < Fours; i++) {
    const Four scale = load(a.scale, image, i), shift = load(a.shift, image, i);
#pragma unroll
    for (int j = 0; j < 4; j++) x[i].at[j] = (x[i].at[j] - mean) * inverse * (1.0f + scale.at[j]) + shift.at[j];
  }
#pragma unroll
  for (int i = 0; i < Fours; i++)
    if (first + i * 128 < columns) writeFour(a.out, row, first + i * 128, x[i]);
}

template <int Fours>
void launchWarps(const LayerNormArguments &a, const LaunchContext &context) {
  launch(layerNormOfWarp<Fours>, dim3(static_cast<unsigned>(divideUp(a.rows, kWarpRows))), dim3(32 * kWarpRows), 0, context, a);
}

// ---- All other rows: a block reads its row at every pass, the second and third time from a cache --------------------------

constexpr int kBlockThreads = 256;

// The same for each thread.
__device__ __forceinline__ float sumOfBlock(float sum) {
  float *sums = reinterpret_cast<float *>(sharedMemory());
  sum = sumOfWarp(sum);
  synchronizeBlock();
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  synchronizeBlock();
  sum = 0;
#pragma unroll
  for (int warp = 0; warp < kBlockThreads / 32; warp++) sum += sums[warp];
  return sum;
}

__global__ void __launch_bounds__(kBlockThreads) layerNormOfBlock(const __grid_constant__ LayerNormArguments a) {
  const int64_t row = blockIdx.x;
  const auto each = [&](auto act) {
    for (int64_t column = static_cast<int64_t>(threadIdx.x) * 4; column < a.columns; column += kBlockThreads * 4) {
      const FourColumns at{row, column, a.columns, a.fours};
      act(at, at.read(a.x, row));
    }
  };

  float sum = 0, squares = 0;
  // What lies past the end is 0.
  each([&](const FourColumns &, const Four &x) { sum += (x.at[0] + x.at[1]) + (x.at[2] + x.at[3]); });
  const float mean = sumOfBlock(sum) / static_cast<float>(a.columns);
  each([&](const FourColumns &at, const Four &x) {
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const float d = at.column + j < a.columns ? x.at[j] - mean : 0.0f;
      squares += d * d;
    }
  });
  const float inverse = 1.0f / sqrtf(sumOfBlock(squares) / static_cast<float>(a.columns) + a.epsilon);

  const int64_t image = divide(row, a.perImage).quotient;
  each([&](const FourColumns &at, const Four &x) {
    const Four scale = at.read(a.scale, image), shift = at.read(a.shift, image);
    Four y;
#pragma unroll
    for (int j = 0; j < 4; j++) y.at[j] = (x.at[j] - mean) * inverse * (1.0f + scale.at[j]) + shift.at[j];
    at.write(a.out, y);
  });
}

void launchLayerNormModulate(const BoundOp &b, const LaunchContext &context) {
  const LayerNormArguments a{operandOf(b.x),          operandOf(b.shift), operandOf(b.scale), operandOf(b.out), b.x.rows, b.x.columns,
                             b.x.rows / b.shift.rows, static_cast<float>(b.op->epsilon),
                             allowsFours(b.x) && allowsFours(b.shift) && allowsFours(b.scale) && allowsFours(b.out)};
  if (suitsWarps(a)) {
    if (a.columns <= mostColumns(3)) return launchWarps<3>(a, context);
    if (a.columns <= mostColumns(9)) return launchWarps<9>(a, context);
    if (a.columns <= mostColumns(12)) return launchWarps<12>(a, context);
  }
  launch(layerNormOfBlock, dim3(static_cast<unsigned>(a.rows)), dim3(kBlockThreads), kBlockThreads / 32 * 4, context, a);
}

}  // namespace

const CudaKernel kLayerNormModulate = {noScratch, launchLayerNormModulate};

}  // namespace incache::cuda::INCACHE_STORAGE
