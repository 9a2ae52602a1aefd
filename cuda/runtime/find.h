// Which GPUs there are, and whether the kernels run on them.
#pragma once
#include "../kernels.h"

namespace incache::cuda {

// Throws an Error (INCACHE_ABSENT) with the reason when there is no such GPU or it cannot be used. Takes no memory of it.
cudaDeviceProp propertiesOf(int index);

// What kernels are chosen by. The environment variable INCACHE_CUDA_UNPROVEN admits those of Unproven that it names, with commas between,
// or with 1 all of them. Throws an Error (INCACHE_BAD_ARGUMENT) where it says something else.
Chip chipOf(const cudaDeviceProp &properties);

}  // namespace incache::cuda
