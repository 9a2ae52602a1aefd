// out = d^T d with d = x - previous, in float32.
#include "../common/increment.cuh"
#include "../common/outerProducts.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// A block has a tile of the result, each thread 4 x 4 of it; rows of d come `kDepth` at a time.
constexpr int kMomentThreads = 256, kTile = 64, kDepth = 16;

struct SecondMomentArguments {
  Operand x, previous, out;
  int64_t rows, columns;
};

__device__ __forceinline__ void loadRows(float *to, const SecondMomentArguments &a, int64_t row, int64_t column) {
  for (int place = static_cast<int>(threadIdx.x); place < kDepth * kTile; place += kMomentThreads) {
    const int64_t i = row + place / kTile, j = column + place % kTile;
    to[place] = i < a.rows && j < a.columns ? incrementAt(a.x, a.previous, i, j) : 0.0f;
  }
}

// The result is symmetric: tiles below the diagonal are written by those above.
__global__ void __launch_bounds__(kMomentThreads) secondMomentKernel(const __grid_constant__ SecondMomentArguments a) {
  if (blockIdx.y > blockIdx.x) return;
  float *left = reinterpret_cast<float *>(sharedMemory()), *right = left + kDepth * kTile;
  const int64_t firstRow = static_cast<int64_t>(blockIdx.y) * kTile, firstColumn = static_cast<int64_t>(blockIdx.x) * kTile;
  const int i = static_cast<int>(threadIdx.x) / 16, j = static_cast<int>(threadIdx.x) % 16;
  float sums[4][4] = {};
#pragma unroll 1
  for (int64_t row = 0; row < a.rows; row += kDepth) {
    loadRows(left, a, row, firstRow);
    loadRows(right, a, row, firstColumn);
    synchronizeBlock();
    addOuterProducts<kTile, kDepth>(sums, left, right, i, j);
    synchronizeBlock();
  }
#pragma unroll
  for (int m = 0; m < 4; m++)
#pragma unroll
    for (int n = 0; n < 4; n++) {
      const int64_t row = firstRow + i + 16 * m, column = firstColumn + j + 16 * n;
      if (row >= a.columns || column >= a.columns) continue;
      a.out.write(row, column, sums[m][n]);
      if (blockIdx.y < blockIdx.x) a.out.write(column, row, sums[m][n]);
    }
}

void launchSecondMoment(const BoundOp &b, const LaunchContext &context) {
  const unsigned tiles = static_cast<unsigned>(divideUp(b.x.columns, kTile));
  launch(secondMomentKernel, dim3(tiles, tiles), dim3(kMomentThreads), 2 * kDepth * kTile * 4, context,
         SecondMomentArguments{operandOf(b.x), operandOf(b.previous), operandOf(b.out), b.x.rows, b.x.columns});
}

}  // namespace

const CudaKernel kSecondMoment = {noScratch, launchSecondMoment};

}  // namespace incache::cuda::INCACHE_STORAGE
