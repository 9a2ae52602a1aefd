// out = mean over an image's tokens of |x - previous|.
#include "../common/increment.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// A block has so many columns of an image; `kTurns` threads share the tokens of each.
constexpr int kColumns = 32, kTurns = 16;

__global__ void __launch_bounds__(kColumns *kTurns)
    channelStatisticsKernel(const __grid_constant__ Operand x, const __grid_constant__ Operand previous, const __grid_constant__ Operand out,
                            int64_t tokens, int64_t columns, int64_t blocksAcross) {
  float *sums = reinterpret_cast<float *>(sharedMemory());
  const int64_t image = blockIdx.x / blocksAcross, column = blockIdx.x % blocksAcross * kColumns + threadIdx.x % kColumns;
  const int turn = static_cast<int>(threadIdx.x) / kColumns;
  float sum = 0;
  if (column < columns)
    for (int64_t token = turn; token < tokens; token += kTurns) sum += fabsf(incrementAt(x, previous, image * tokens + token, column));
  sums[threadIdx.x] = sum;
  synchronizeBlock();
  if (turn > 0 || column >= columns) return;
  for (int other = 1; other < kTurns; other++) sum += sums[threadIdx.x + other * kColumns];
  out.write(image, column, sum / static_cast<float>(tokens));
}

void launchChannelStatistics(const BoundOp &b, const LaunchContext &context) {
  const int64_t blocksAcross = divideUp(b.out.columns, kColumns);
  launch(channelStatisticsKernel, dim3(static_cast<unsigned>(b.out.rows * blocksAcross)), dim3(kColumns * kTurns), kColumns * kTurns * 4, context,
         operandOf(b.x), operandOf(b.previous), operandOf(b.out), b.x.rows / b.out.rows, b.out.columns, blocksAcross);
}

}  // namespace

const CudaKernel kChannelStatistics = {noScratch, launchChannelStatistics};

}  // namespace incache::cuda::INCACHE_STORAGE
