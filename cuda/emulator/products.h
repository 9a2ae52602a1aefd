// The arithmetic of a product of tensor cores, on the vectors of the processor.
#pragma once

namespace incache::cuda::emulator {

// The depth of every product, and the most columns that one has.
constexpr int kDepth = 16, kMostColumns = 256;

// sums (16 x columns) += left (16 x kDepth) right (kDepth x columns), or without what they held. `columns` is a multiple of 8. Each sum is one
// in float64, from k = 0 on: hardware keeps a few bits more than float32 within one product.
void multiplyAdd(const double (*left)[kDepth], const double (*right)[kMostColumns], float (*sums)[kMostColumns], int columns, bool replaces);

}  // namespace incache::cuda::emulator
