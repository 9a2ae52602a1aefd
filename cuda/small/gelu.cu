// out = gelu(x), the tanh form.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct Gelu {
  __device__ __forceinline__ float operator()(float x) const { return geluOf(x); }
};

}  // namespace

const CudaKernel kGelu = {noScratch, launchUnary<Gelu>};

}  // namespace incache::cuda::INCACHE_STORAGE
