// [cos, sin] of t exp(-ln(maxPeriod) i / (D/2)), in float64: there are few of them.
#include <cmath>

#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// One angle an item. rate: -ln(maxPeriod) / half.
__global__ void __launch_bounds__(kElementwiseThreads)
    timestepEmbeddingKernel(const __grid_constant__ Operand x, const __grid_constant__ Operand out, int64_t rows, int64_t half, double rate) {
  eachItem(rows * half, [&](int64_t item) {
    const Division place = divide(item, half);
    const double angle = static_cast<double>(x.read(place.quotient, 0)) * exp(rate * static_cast<double>(place.remainder));
    out.write(place.quotient, place.remainder, static_cast<float>(cos(angle)));
    out.write(place.quotient, half + place.remainder, static_cast<float>(sin(angle)));
  });
}

void launchTimestepEmbedding(const BoundOp &b, const LaunchContext &context) {
  const int64_t half = b.out.columns / 2;
  const double rate = -std::log(b.op->maxPeriod) / static_cast<double>(half);
  launch(timestepEmbeddingKernel, elementwiseGrid(b.out.rows * half, context), dim3(kElementwiseThreads), 0, context, operandOf(b.x),
         operandOf(b.out), b.out.rows, half, rate);
}

}  // namespace

const CudaKernel kTimestepEmbedding = {noScratch, launchTimestepEmbedding};

}  // namespace incache::cuda::INCACHE_STORAGE
