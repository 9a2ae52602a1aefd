// A plan bound to memory.
#pragma once
#include <map>

#include "weights.h"

namespace incache {

class Executable {
 public:
  // Throws an Error for a weight that is not loaded, and for a buffer that is not bound or has the wrong size or type.
  Executable(std::shared_ptr<Device> device, const Plan &plan, const Weights &weights,
             const std::map<std::string, const Buffer *> &bindings);
  Executable(const Executable &) = delete;
  // If it ends early, the contents of what the plan writes are undefined.
  void run(RunControl &control);
  uint64_t operations() const { return ops_.size(); }
  void wait();

 private:
  // Integers of an operation, as the host wrote them, that must lie in a range.
  struct IndexCheck {
    const Op *op;
    const char *what;
    const int32_t *values;
    int64_t stride, count, first, last;
  };

  std::shared_ptr<Device> device_;
  Plan plan_;
  // The plan's operations, those with batched views in parts.
  std::vector<Op> parts_;
  std::vector<BoundOp> ops_;
  std::vector<std::shared_ptr<Block>> kept_;
  std::vector<char *> bases_;
  // For each buffer of integers, what the host has written to it.
  std::vector<const int32_t *> integers_;
  std::vector<IndexCheck> checks_;
  // Declared after what it uses, so that it is destroyed first.
  std::unique_ptr<Program> program_;

  void requireTypes() const;
  void bindBuffers(const std::map<std::string, const Buffer *> &bindings);
  void bindTemporaries();
  void bindPlainWeights(const Weights &weights);
  // Throws an Error for a weight that has not been loaded in that form.
  const std::shared_ptr<Block> &keepWeight(const Weights &weights, const View &view, const WeightForm &form);
  incache_type storageOf(const Op &op) const;
  BoundOp bind(const Op &op, const Weights &weights);
  void addCheck(const Op &op, const char *what, const View &view, int64_t first, int64_t last);
  static void check(const IndexCheck &check);
  Matrix matrix(const View &view) const;
  Panels panels(const Weights &weights, const Op &op, const char *operand, const View &view);
};

}  // namespace incache
