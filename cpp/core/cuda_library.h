#pragma once
#include "cuda_plugin.h"

namespace incache {

// The plugin: named by the environment variable INCACHE_CUDA_LIBRARY, else libincache_cuda.so beside the library (the
// shared library, the addon or the program that this was linked into). It stays open until the process ends.
// Throws an Error (INCACHE_ABSENT) with the reason if there is none or it cannot be used.
const CudaPlugin &cudaPlugin();

}  // namespace incache
