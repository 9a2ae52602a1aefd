#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// In the order of OpKind.
const CudaKernel *const kKernels[] = {
    &kLinear,       &kCalibratedLinear,  &kCalibratedMlp, &kAttention,         &kLayerNormModulate, &kPatchify,
    &kUnpatchify,   &kTimestepEmbedding, &kGatherRows,    &kAdd,               &kSilu,              &kGelu,
    &kGateResidual, &kChannelStatistics, &kSecondMoment,  &kLinearCombination, &kRelativeDistance,
    &kConvolution,  &kNorm,
};
static_assert(sizeof kKernels / sizeof *kKernels == kOpKinds, "a kernel for every operation");

}  // namespace incache::cuda::INCACHE_STORAGE
