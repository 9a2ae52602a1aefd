// Hidden values of the low-rank branch in global memory, between kernels.
#pragma once
#include "../common/storage.h"

namespace incache::cuda::INCACHE_STORAGE {

// Where hidden values go: rows of `columns`, as Half, or as float32 sums over a part of the depth, a part after the other.
struct HiddenRows {
  Half *values;
  float *parts;
  int columns;
};

}  // namespace incache::cuda::INCACHE_STORAGE
