// out = gelu(x), in one of its forms.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

template <Form F>
struct Gelu {
  __device__ __forceinline__ float operator()(float x) const {
    if constexpr (F == Form::erf) return geluErfOf(x);
    return F == Form::quick ? geluQuickOf(x) : geluOf(x);
  }
};

void launchGelu(const BoundOp &b, const LaunchContext &context) {
  if (b.op->form == Form::erf) return launchUnary<Gelu<Form::erf>>(b, context);
  if (b.op->form == Form::quick) return launchUnary<Gelu<Form::quick>>(b, context);
  launchUnary<Gelu<Form::tanh>>(b, context);
}

}  // namespace

const CudaKernel kGelu = {noScratch, launchGelu};

}  // namespace incache::cuda::INCACHE_STORAGE
