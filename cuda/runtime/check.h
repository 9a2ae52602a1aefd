// Errors of CUDA as exceptions of the plugin. They are caught where the plugin is entered.
#pragma once
#include "../../cpp/core/error.h"
#include "../kernels.h"

namespace incache::cuda {

inline std::string messageOf(const char *doing, cudaError_t error) { return std::string(doing) + ": " + cudaGetErrorString(error); }

// Throws an Error with what CUDA says. The error is taken back, so that the next call does not report it again.
inline void check(const char *doing, cudaError_t error) {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  throw Error(error == cudaErrorMemoryAllocation ? INCACHE_OUT_OF_MEMORY : INCACHE_INTERNAL, messageOf(doing, error));
}

}  // namespace incache::cuda
