// out = residual + gate * x.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct GatedSum {
  Operand x, gate, residual;
  int64_t perImage;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four sum = at.read(residual, at.row);
    const Four factor = at.read(gate, divide(at.row, perImage).quotient), v = at.read(x, at.row);
#pragma unroll
    for (int j = 0; j < 4; j++) sum.at[j] += factor.at[j] * v.at[j];
    return sum;
  }
};

void launchGateResidual(const BoundOp &b, const LaunchContext &context) {
  launchElementwise(GatedSum{operandOf(b.x), operandOf(b.gate), operandOf(b.residual), b.out.rows / b.gate.rows},
                    {&b.x, &b.gate, &b.residual}, b.out, context);
}

}  // namespace

const CudaKernel kGateResidual = {noScratch, launchGateResidual};

}  // namespace incache::cuda::INCACHE_STORAGE
