#include "made.h"

#include <algorithm>

namespace incache {
namespace {

constexpr int64_t kCacheLine = 64;

int64_t roundUp(int64_t bytes) { return (bytes + kCacheLine - 1) / kCacheLine * kCacheLine; }

// How many operands of the operations are each buffer, or a part of it.
std::vector<int64_t> usesOf(const std::vector<BoundOp> &ops, const Plan &plan) {
  std::vector<int64_t> uses(plan.buffers.size());
  for (const BoundOp &b : ops)
    for (const Operand &operand : operandsOf(*b.op)) uses[static_cast<size_t>(operand.view.buffer)]++;
  return uses;
}

// The operand whose rows are those of the view, or null.
Matrix BoundOp::*operandOf(const Op &op, const View &view) {
  const auto is = [&](const View &v) { return v.buffer == view.buffer && v.row == view.row && v.rows == view.rows && v.column == view.column && v.columns == view.columns; };
#define INCACHE_FIND(name) \
  if (is(op.name)) return &BoundOp::name;
  INCACHE_OPERANDS(INCACHE_FIND)
#undef INCACHE_FIND
  return nullptr;
}

bool overlap(const Matrix &a, const Matrix &b) {
  const auto end = [](const Matrix &m) { return static_cast<const char *>(m.at) + m.rows * m.stride * bytesOf(m.type); };
  return static_cast<const char *>(a.at) < end(b) && static_cast<const char *>(b.at) < end(a);
}

// Whether the combination gives the same when it is made while the operation runs.
bool canWait(const BoundOp &combination, const BoundOp &op) {
  const auto isWritten = [&](const Matrix &term) { return overlap(term, op.out) || (op.store.at && overlap(term, op.store)); };
  return std::none_of(combination.terms.begin(), combination.terms.end(), isWritten);
}

Matrix rowsOf(const Matrix &m, int64_t first, int64_t end) {
  return {static_cast<char *>(m.at) + first * m.stride * bytesOf(m.type), m.stride, end - first, m.columns, m.type};
}

}  // namespace

Steps::Steps(const KernelSet &kernels, const std::vector<BoundOp> &ops, const Plan &plan) : kernels_(kernels) {
  const std::vector<int64_t> uses = usesOf(ops, plan);
  // Combinations behind the last other operation, which the next one may read.
  std::vector<const BoundOp *> waiting;
  for (const BoundOp &b : ops) {
    const View &out = b.op->out;
    if (b.op->kind == OpKind::linearCombination && plan.buffers[static_cast<size_t>(out.buffer)].role == INCACHE_TEMPORARY &&
        uses[static_cast<size_t>(out.buffer)] == 2) {
      waiting.push_back(&b);
      continue;
    }
    Step step{&b};
    for (const BoundOp *combination : waiting) {
      Matrix BoundOp::*operand = kernelOf(b).rows ? operandOf(*b.op, combination->op->out) : nullptr;
      if (operand && canWait(*combination, b))
        step.made.push_back({combination, operand});
      else
        steps_.push_back({combination});
    }
    waiting.clear();
    steps_.push_back(std::move(step));
  }
  for (const BoundOp *combination : waiting) steps_.push_back({combination});
}

int64_t Steps::ownScratch(const Step &step, int64_t threads) const { return roundUp(kernelOf(*step.op).scratch(*step.op, threads)); }

int64_t Steps::scratch(int64_t threads) const {
  int64_t most = 0;
  for (const Step &step : steps_) {
    int64_t bytes = ownScratch(step, threads);
    if (!step.made.empty()) {
      // No block is larger than the first by more than a row.
      const auto [first, end] = kernelOf(*step.op).rows(*step.op, 0, tasks(step, threads), threads);
      for (const auto &[by, operand] : step.made) bytes += roundUp((end - first + 1) * by->out.columns * bytesOf(by->out.type));
    }
    most = std::max(most, bytes);
  }
  return most;
}

void Steps::run(const Step &step, int64_t task, int64_t tasks, int64_t threads, char *scratch) const {
  const Kernel &kernel = kernelOf(*step.op);
  if (step.made.empty()) return kernel.run(*step.op, task, tasks, threads, scratch);
  const auto [first, end] = kernel.rows(*step.op, task, tasks, threads);
  BoundOp own = *step.op;
  char *at = scratch + ownScratch(step, threads);
  for (const auto &[by, operand] : step.made) {
    BoundOp block = *by;
    const int64_t columns = by->out.columns, bytes = columns * bytesOf(by->out.type);
    block.out = {at, columns, end - first, columns, by->out.type};
    for (Matrix &term : block.terms) term = rowsOf(term, first, end);
    kernelOf(*by).run(block, 0, 1, threads, nullptr);
    // The operation counts rows from its own first one.
    own.*operand = {at - first * bytes, columns, by->out.rows, columns, by->out.type};
    at += roundUp((end - first) * bytes);
  }
  kernel.run(own, task, tasks, threads, scratch);
}

}  // namespace incache
