// Tensor maps: what the copy engine of sm_90 has to know of a matrix before it copies boxes of it. Made on the host, passed to
// kernels by value (as __grid_constant__).
#pragma once
#include "../kernels.h"
#include "hopper.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// A Half matrix and the boxes that it is copied in; lengths are in elements. What of a box is outside of the matrix
// arrives as zeros, so that no side has to be a multiple of anything.
struct BoxedMatrix {
  const void *at;
  int64_t rows, columns, stride;
  int boxRows, boxColumns;
};

// What one row of a box is with 128-byte swizzle (swizzle.h, hopper.cuh).
constexpr int kBoxColumns = 64;

// Whether boxes of it can be copied with 128-byte swizzle: the limits of the driver and of the pattern.
bool fitsTensorMap(const BoxedMatrix &m);

// False where it does not fit, or where the driver has no tensor maps.
bool encodeTensorMap(const BoxedMatrix &m, CUtensorMap &map);

// A matrix whose columns are heads of `width` each, a box being boxRows x boxColumns of one head. What of a box is beyond the head's
// columns arrives as zeros, not as the next head.
struct BoxedHeads {
  const void *at;
  int64_t rows, heads, width, stride;
  int boxRows, boxColumns;
};

// The same of heads, whose width has to be a multiple of 8.
bool fitsHeadMap(const BoxedHeads &m);
bool encodeHeadMap(const BoxedHeads &m, CUtensorMap &map);

}  // namespace incache::cuda::INCACHE_STORAGE
