#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// In the order of OpKind.
const CudaKernel *const kKernels[] = {
#define INCACHE_KERNEL(kind, name) &k##name,
    INCACHE_KINDS(INCACHE_KERNEL)
#undef INCACHE_KERNEL
};
static_assert(sizeof kKernels / sizeof *kKernels == kOpKinds, "a kernel for every operation");

}  // namespace incache::cuda::INCACHE_STORAGE
