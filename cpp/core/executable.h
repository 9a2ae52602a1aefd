// A plan bound to memory.
#pragma once
#include <map>

#include "weights.h"

namespace incache {

class Executable {
 public:
  // Throws an Error for a weight that is not loaded and for a buffer that is not bound or does not fit.
  Executable(std::shared_ptr<Device> device, const Plan &plan, const Weights &weights,
             const std::map<std::string, const Buffer *> &bindings);
  Executable(const Executable &) = delete;
  void run();

 private:
  std::shared_ptr<Device> device_;
  Plan plan_;
  std::vector<BoundOp> ops_;
  std::vector<std::shared_ptr<Block>> kept_;
  std::vector<char *> bases_;
  char *scratch_ = nullptr;
  int64_t scratchBytes_ = 0;

  void bindBuffers(const std::map<std::string, const Buffer *> &bindings);
  void bindTemporaries();
  void bindPlainWeights(const Weights &weights);
  // Throws an Error for a weight that has not been loaded in that form.
  const std::shared_ptr<Block> &keepWeight(const Weights &weights, const View &view, const WeightForm &form);
  BoundOp bind(const Op &op, const Weights &weights);
  void reserveScratch();
  void checkIndices(const BoundOp &op) const;
  Matrix matrix(const View &view) const;
  Panels panels(const Weights &weights, const char *operand, const View &view);
};

}  // namespace incache
