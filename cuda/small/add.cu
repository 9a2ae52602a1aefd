// out[i] = x[i] + y[i mod rows of y].
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct Sum {
  Operand x, y;
  int64_t period;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four sum = at.read(x, at.row);
    const Four other = at.read(y, divide(at.row, period).remainder);
#pragma unroll
    for (int j = 0; j < 4; j++) sum.at[j] += other.at[j];
    return sum;
  }
};

void launchAdd(const BoundOp &b, const LaunchContext &context) {
  launchElementwise(Sum{operandOf(b.x), operandOf(b.y), b.y.rows}, {&b.x, &b.y}, b.out, context);
}

}  // namespace

const CudaKernel kAdd = {noScratch, launchAdd};

}  // namespace incache::cuda::INCACHE_STORAGE
