// What the tests of small operations share: forms of their operands, sizes, and the comparison with float64.
#pragma once
#include <functional>
#include <string>

#include "../check.h"

namespace incache::cuda::test {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

// Types and margins: operands that can be read four columns at a time, and such that cannot.
struct Form {
  const char *name;
  incache_type in, other, out;
  int64_t margin;
};
constexpr Form kForms[] = {
    {"float32", kFloat, kFloat, kFloat, 4},
    {"Half", kHalf, kHalf, kHalf, 4},
    {"mixed", kHalf, kFloat, kHalf, 8},
    {"float32, unaligned", kFloat, kFloat, kFloat, 3},
    {"Half, unaligned", kHalf, kHalf, kHalf, 1},
    {"mixed, unaligned", kFloat, kHalf, kHalf, 1},
};

using Value = std::function<double(int64_t row, int64_t column)>;

// Runs the operation twice and compares with value(row, column).
inline void check(const CudaKernel &kernel, const BoundOp &b, const Tensor &out, const std::string &name, double most, const Value &value) {
  run(kernel, b);
  std::vector<double> expected, first;
  for (int64_t i = 0; i < out.rows(); i++)
    for (int64_t j = 0; j < out.columns(); j++) {
      expected.push_back(value(i, j));
      first.push_back(out.at(i, j));
    }
  const double error = relativeL2(out, expected);
  expect(error <= most, "%s: off by %.2e", name.c_str(), error);
  expect(out.bordersIntact(), "%s: written outside of the output", name.c_str());
  run(kernel, b);
  for (int64_t i = 0; i < out.rows(); i++)
    for (int64_t j = 0; j < out.columns(); j++)
      expect(out.at(i, j) == first[static_cast<size_t>(i * out.columns() + j)], "%s: two runs differ", name.c_str());
}

// A single element may be off by half a step, which is 4.9e-4 in float16.
inline double boundOf(incache_type type, double exact = 1e-6) { return type != kHalf ? exact : kIsFloat16 ? 5e-4 : 2.5e-3; }

inline std::string nameOf(const char *op, const Form &f, int64_t rows, int64_t columns) {
  return std::string(op) + ", " + f.name + ", " + std::to_string(rows) + " x " + std::to_string(columns);
}

struct Size {
  int64_t images, tokens, columns;
};
// The last: more than the threads of all blocks take at once.
constexpr Size kSizes[] = {{1, 1, 1}, {3, 5, 7}, {2, 9, 64}, {2, 3, 1152}, {2, 300, 100}};

}  // namespace incache::cuda::test
