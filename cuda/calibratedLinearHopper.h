// out = epilogue(C(y) + Wa (Wb (x - C(x)))) on sm_90a, in one kernel: nothing between x and out leaves the registers.
#pragma once
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// False, and nothing is launched, where this kernel does not take the operation: it wants sm_90, many rows, at most four pairs of at
// most 256 ranks in Half whose columns begin at multiples of 8, and x, C(x) and C(y) in Half with rows at multiples of 16 bytes.
bool launchCalibratedLinearHopper(const BoundOp &b, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
