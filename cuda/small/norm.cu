// out = epilogue((n(x) gain + bias) (1 + scale) + shift), each of the four optional. A block has the rows and columns that are normalised
// together, and goes over them three times: for the mean, for the squares about it, and to normalise.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int kNormThreads = 512;

struct NormArguments {
  Operand x, gain, bias, scale, shift, out;
  bool isRms, silu;
  float epsilon;
  int64_t span, width, groups, rowsPerImage;
  // Columns of gain and of bias.
  int64_t gains, biases;
};

// Of all threads of the block, for every one of them; the order of the sum is fixed.
__device__ __forceinline__ float sumOfNormBlock(float sum) {
  float *warps = reinterpret_cast<float *>(sharedMemory());
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffleXor(sum, mask);
  synchronizeBlock();
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sum;
  synchronizeBlock();
  sum = 0;
  for (int warp = 0; warp < static_cast<int>(blockDim.x) / 32; warp++) sum += warps[warp];
  return sum;
}

__global__ void __launch_bounds__(kNormThreads) normKernel(const __grid_constant__ NormArguments a) {
  const Division block = divide(blockIdx.x, a.groups);
  const int64_t firstRow = block.quotient * a.span, firstColumn = block.remainder * a.width, count = a.span * a.width;
  const auto each = [&](auto act) {
#pragma unroll 1
    for (int64_t element = threadIdx.x; element < count; element += blockDim.x) {
      const Division place = divide(element, a.width);
      act(firstRow + place.quotient, firstColumn + place.remainder);
    }
  };
  float mean = 0, squares = 0;
  if (!a.isRms) {
    each([&](int64_t i, int64_t j) { mean += a.x.read(i, j); });
    mean = sumOfNormBlock(mean) / static_cast<float>(count);
  }
  each([&](int64_t i, int64_t j) {
    const float d = a.x.read(i, j) - mean;
    squares += d * d;
  });
  const float inverse = 1.0f / sqrtf(sumOfNormBlock(squares) / static_cast<float>(count) + a.epsilon);
  each([&](int64_t i, int64_t j) {
    float y = (a.x.read(i, j) - mean) * inverse;
    const int64_t image = divide(i, a.rowsPerImage).quotient;
    if (a.gain.at) y *= a.gain.read(0, divide(j, a.gains).remainder);
    if (a.bias.at) y += a.bias.read(0, divide(j, a.biases).remainder);
    if (a.scale.at) y *= 1.0f + a.scale.read(image, j);
    if (a.shift.at) y += a.shift.read(image, j);
    a.out.write(i, j, a.silu ? siluOf(y) : y);
  });
}

void launchNorm(const BoundOp &b, const LaunchContext &context) {
  const Op &op = *b.op;
  const Matrix &modulation = b.scale.at ? b.scale : b.shift;
  const NormArguments a{operandOf(b.x),
                        operandOf(b.gain),
                        operandOf(b.bias),
                        operandOf(b.scale),
                        operandOf(b.shift),
                        operandOf(b.out),
                        op.normKind == NormKind::rms,
                        op.epilogue == Epilogue::silu,
                        static_cast<float>(op.epsilon),
                        op.span,
                        b.x.columns / op.groups,
                        op.groups,
                        b.x.rows / std::max<int64_t>(modulation.rows, 1),
                        std::max<int64_t>(b.gain.columns, 1),
                        std::max<int64_t>(b.bias.columns, 1)};
  // As many as find something to do.
  const int64_t threads = std::min<int64_t>(kNormThreads, roundUp(divideUp(a.span * a.width, 4), 32));
  launch(normKernel, dim3(static_cast<unsigned>(b.x.rows / op.span * op.groups)), dim3(static_cast<unsigned>(threads)), kNormThreads / 32 * 4,
         context, a);
}

}  // namespace

const CudaKernel kNorm = {noScratch, launchNorm};

}  // namespace incache::cuda::INCACHE_STORAGE
