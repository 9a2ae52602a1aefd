// out = sum of coefficient * x over the terms.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int kTerms = static_cast<int>(kMostTerms);

struct Combination {
  Operand x[kTerms];
  float coefficients[kTerms];
  int count;

  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    Four sum{};
#pragma unroll
    for (int i = 0; i < kTerms; i++) {
      if (i >= count) break;
      const Four v = at.read(x[i], at.row);
#pragma unroll
      for (int j = 0; j < 4; j++) sum.at[j] += coefficients[i] * v.at[j];
    }
    return sum;
  }
};

void launchLinearCombination(const BoundOp &b, const LaunchContext &context) {
  Combination combination{};
  combination.count = static_cast<int>(b.terms.size());
  // Terms that are absent allow fours.
  Matrix terms[kTerms];
  for (int i = 0; i < combination.count; i++) {
    const size_t place = static_cast<size_t>(i);
    terms[i] = b.terms[place];
    combination.x[i] = operandOf(terms[i]);
    combination.coefficients[i] = static_cast<float>(b.op->terms[place].coefficient);
  }
  launchElementwise(combination, {&terms[0], &terms[1], &terms[2], &terms[3]}, b.out, context);
}

}  // namespace

const CudaKernel kLinearCombination = {noScratch, launchLinearCombination};

}  // namespace incache::cuda::INCACHE_STORAGE
