// From a sum of products to what an operation writes: bias or C(y), the store, the activation, gate and residual.
#pragma once
#include "values.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct EpilogueArguments {
  Operand bias, cachedOutput, store, residual, gate, out;
  Epilogue kind;
  int64_t perImage;  // rows of an image: row / perImage is its row of `gate`
};

inline EpilogueArguments epilogueOf(const BoundOp &b) {
  return {operandOf(b.bias), operandOf(b.cachedOutput), operandOf(b.store), operandOf(b.residual), operandOf(b.gate), operandOf(b.out),
          b.op->epilogue, b.gate.at ? b.out.rows / b.gate.rows : 1};
}

// One element: `sum` belongs to (row, column) of out. The epilogue takes what was stored, as a later step will read it.
__device__ __forceinline__ void finish(const EpilogueArguments &e, int64_t row, int64_t column, float sum) {
  if (e.bias.at) sum += e.bias.read(0, column);
  if (e.cachedOutput.at) sum += e.cachedOutput.read(row, column);
  if (e.store.at) {
    sum = e.store.rounded(sum);
    e.store.write(row, column, sum);
  }
  withActivation(e.kind, [&](auto f) { sum = f(sum); });
  if (e.gate.at) sum *= e.gate.read(row / e.perImage, column);
  if (e.residual.at) sum += e.residual.read(row, column);
  e.out.write(row, column, sum);
}

}  // namespace incache::cuda::INCACHE_STORAGE
