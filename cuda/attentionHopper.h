// Attention on sm_90a, with products of a warpgroup.
#pragma once
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// How many times 64 queries a warpgroup takes at once: 2 or 1; 0 where so few heads (of all images) and queries leave multiprocessors
// without a block, and the kernel of every chip has smaller ones.
int chooseAttentionRowTiles(int64_t queries, int64_t heads, int64_t width, int multiprocessors);

// False, and nothing is launched, where this kernel does not take the operation: it wants sm_90, queries enough, heads at most 128 wide,
// and q, k and v in Half with heads at multiples of 16 bytes.
bool launchAttentionHopper(const BoundOp &b, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
