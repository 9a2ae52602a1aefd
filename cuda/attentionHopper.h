// Attention on sm_90a, with products of a warpgroup.
#pragma once
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// False, and nothing is launched, where this kernel does not take the operation: it wants sm_90, no biases or mask, queries enough, heads at most 128 wide,
// and q, k and v in Half with heads at multiples of 16 bytes.
bool launchAttentionHopper(const BoundOp &b, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
