// Combinations that one operation alone reads, such as what a calibrated linear is calibrated against. They are made where
// they are read: the task that is about to work on a block of rows makes these rows in its scratch, where they stay in
// the cache, instead of a pass over whole tensors before.
#pragma once
#include <vector>

#include "../core/plan.h"
#include "kernels.h"

namespace incache {

// An operation, and the operands of it that are made so.
struct Step {
  struct Made {
    // A linearCombination.
    const BoundOp *by;
    Matrix BoundOp::*operand;
  };
  const BoundOp *op;
  std::vector<Made> made{};
};

class Steps {
 public:
  // `plan` is what `ops` come from.
  Steps(const KernelSet &kernels, const std::vector<BoundOp> &ops, const Plan &plan);

  auto begin() const { return steps_.begin(); }
  auto end() const { return steps_.end(); }

  int64_t tasks(const Step &step, int64_t threads) const { return kernelOf(*step.op).tasks(*step.op, threads); }
  // Bytes that a task of any step needs; whole cache lines.
  int64_t scratch(int64_t threads) const;
  void run(const Step &step, int64_t task, int64_t tasks, int64_t threads, char *scratch) const;

 private:
  const KernelSet &kernels_;
  std::vector<Step> steps_;

  const Kernel &kernelOf(const BoundOp &b) const { return kernels_.kernels[static_cast<int>(b.op->kind)]; }
  int64_t ownScratch(const Step &step, int64_t threads) const;
};

}  // namespace incache
