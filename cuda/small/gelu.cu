// out = gelu(x), the tanh form.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct Gelu {
  Operand x;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four v = at.read(x, at.row);
#pragma unroll
    for (int j = 0; j < 4; j++) v.at[j] = geluOf(v.at[j]);
    return v;
  }
};

void launchGelu(const BoundOp &b, const LaunchContext &context) { launchElementwise(Gelu{operandOf(b.x)}, {&b.x}, b.out, context); }

}  // namespace

const CudaKernel kGelu = {noScratch, launchGelu};

}  // namespace incache::cuda::INCACHE_STORAGE
