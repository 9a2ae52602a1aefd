// An operation with its operands resolved to memory of a device: what kernels are given.
#pragma once
#include <cstdint>
#include <vector>

#include "plan.h"

namespace incache {

// A view in memory; `at` is null for an operand that is absent. Strides are in elements.
struct Matrix {
  void *at = nullptr;
  int64_t stride = 0, rows = 0, columns = 0;
  incache_type type = INCACHE_F32;
};

// A 32-bit word of a packed operand: one float32, or two 16-bit numbers that follow each other along the depth.
typedef uint32_t Word;

// A weight of rows x depth in the form that the device's kernels want (cpu/microkernel.inc, cuda/kernels.h).
struct Panels {
  const Word *at = nullptr;
  int64_t rows = 0, depth = 0;
  incache_type type = INCACHE_F32;
};

struct BoundPair {
  Panels down, up;
};

// An operation with its operands resolved to memory.
struct BoundOp {
  const Op *op;
#define INCACHE_MEMBER(name) Matrix name;
  INCACHE_OPERANDS(INCACHE_MEMBER)
#undef INCACHE_MEMBER
  Panels weight;
  std::vector<BoundPair> factors;
  // In the order of Op::terms, which has their coefficients.
  std::vector<Matrix> terms;
  // The 16-bit type of its operands, of which there is at most one; INCACHE_F32 where all are float32.
  incache_type storage = INCACHE_F32;
};

}  // namespace incache
