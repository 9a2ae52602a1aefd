// Sums, activations, gates and combinations of terms: apart, in place, and in views that end within four columns.
#pragma once
#include <deque>

#include "form.h"

namespace incache::cuda::test {

inline void checkElementwise(const Form &f, const Size &size) {
  Random random(1);
  const int64_t rows = size.images * size.tokens, columns = size.columns;
  Tensor x(rows, columns, f.in, f.margin), y(size.tokens, columns, f.other, f.margin), residual(rows, columns, f.other, f.margin),
      gate(size.images, columns, f.other, f.margin), out(rows, columns, f.out, f.margin);
  x.fill(random, 4), y.fill(random), residual.fill(random), gate.fill(random);
  Op op{};
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.out = out.matrix();
  check(kSilu, b, out, nameOf("silu", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return siluExact(x.at(i, j)); });
  check(kGelu, b, out, nameOf("gelu", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return geluExact(x.at(i, j)); });
  op.form = incache::Form::erf;
  check(kGelu, b, out, nameOf("gelu erf", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return geluErfExact(x.at(i, j)); });
  op.form = incache::Form::quick;
  check(kGelu, b, out, nameOf("gelu quick", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return geluQuickExact(x.at(i, j)); });
  b.y = y.matrix();
  check(kAdd, b, out, nameOf("add", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) { return x.at(i, j) + y.at(i % size.tokens, j); });
  b.gate = gate.matrix(), b.residual = residual.matrix();
  check(kGateResidual, b, out, nameOf("gateResidual", f, rows, columns), boundOf(f.out),
        [&](int64_t i, int64_t j) { return residual.at(i, j) + gate.at(i / size.tokens, j) * x.at(i, j); });
}

// The output in the place of an operand, as plans may ask for.
inline void checkInPlace() {
  Random random(2);
  Tensor x(10, 50, kHalf, 4), y(5, 50, kHalf, 4), gate(2, 50, kHalf, 4), residual(10, 50, kHalf, 4), apart(10, 50, kHalf, 4);
  x.fill(random), y.fill(random), gate.fill(random), residual.fill(random);
  Op op{};
  BoundOp b{};
  b.op = &op, b.x = x.matrix(), b.y = y.matrix(), b.residual = x.matrix(), b.gate = gate.matrix();
  op.terms = {{{}, 0.5}, {{}, -1}}, b.terms = {residual.matrix(), x.matrix()};
  for (const CudaKernel *kernel : {&kAdd, &kSilu, &kGelu, &kGateResidual, &kLinearCombination}) {
    b.out = apart.matrix();
    run(*kernel, b);
    b.out = x.matrix();
    run(*kernel, b);
    for (int64_t i = 0; i < 10; i++)
      for (int64_t j = 0; j < 50; j++) expect(x.at(i, j) == apart.at(i, j), "in place an operation gives something else");
  }
}

// Aligned views that end within four columns: what follows them stays as it was.
inline void checkTail() {
  Random random(7);
  Tensor x(6, 16, kHalf, 4), gate(2, 16, kFloat, 4), out(6, 16, kHalf, 4);
  x.fill(random), gate.fill(random);
  Op op{};
  op.epsilon = 1e-6;
  BoundOp b{};
  b.op = &op;
  for (const int64_t columns : {13, 14, 15}) {
    b.x = b.y = b.residual = x.columnsFrom(0, columns), b.gate = b.shift = b.scale = gate.columnsFrom(0, columns);
    b.out = out.columnsFrom(0, columns);
    run(kLayerNormModulate, b);
    run(kAdd, b);
    for (int64_t i = 0; i < 6; i++)
      for (int64_t j = 0; j < 16; j++)
        expect(j < columns ? out.at(i, j) == roundedHalf(2 * x.at(i, j)) : std::isnan(out.at(i, j)), "columns that end within four: wrong at %lld",
               static_cast<long long>(j));
  }
}

inline void checkCombination(const Form &f, const Size &size) {
  Random random(8);
  const int64_t rows = size.images * size.tokens, columns = size.columns;
  const double coefficients[] = {-1, 0.375, 2, -0.1};
  // A tensor cannot be moved.
  std::deque<Tensor> terms;
  for (const incache_type type : {f.in, f.other, f.in, f.other}) {
    terms.emplace_back(rows, columns, type, f.margin);
    terms.back().fill(random);
  }
  Tensor out(rows, columns, f.out, f.margin);
  Op op{};
  BoundOp b{};
  b.op = &op, b.out = out.matrix();
  for (size_t count = 1; count <= size_t{kMostTerms}; count++) {
    op.terms.push_back({{}, coefficients[count - 1]});
    b.terms.push_back(terms[count - 1].matrix());
    check(kLinearCombination, b, out, nameOf("linearCombination", f, rows, columns), boundOf(f.out), [&](int64_t i, int64_t j) {
      double sum = 0;
      for (size_t term = 0; term < count; term++) sum += coefficients[term] * terms[term].at(i, j);
      return sum;
    });
  }
}

}  // namespace incache::cuda::test
