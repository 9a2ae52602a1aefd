// out = x sigmoid(x).
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct Silu {
  Operand x;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four v = at.read(x, at.row);
#pragma unroll
    for (int j = 0; j < 4; j++) v.at[j] = siluOf(v.at[j]);
    return v;
  }
};

void launchSilu(const BoundOp &b, const LaunchContext &context) { launchElementwise(Silu{operandOf(b.x)}, {&b.x}, b.out, context); }

}  // namespace

const CudaKernel kSilu = {noScratch, launchSilu};

}  // namespace incache::cuda::INCACHE_STORAGE
