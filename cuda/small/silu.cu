// out = x sigmoid(x).
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct Silu {
  __device__ __forceinline__ float operator()(float x) const { return siluOf(x); }
};

}  // namespace

const CudaKernel kSilu = {noScratch, launchUnary<Silu>};

}  // namespace incache::cuda::INCACHE_STORAGE
