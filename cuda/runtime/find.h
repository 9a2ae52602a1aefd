// Which GPUs there are, and whether the kernels run on them.
#pragma once
#include "../kernels.h"

namespace incache::cuda {

// Throws an Error (INCACHE_ABSENT) with the reason when there is no such GPU or it cannot be used. Takes no memory of it.
cudaDeviceProp propertiesOf(int index);

}  // namespace incache::cuda
