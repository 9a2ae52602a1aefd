// The plans of a model file on a device, with their weights from the file. Plans share buffers of the same name.
#pragma once
#include "executable.h"
#include "safetensors.h"

namespace incache {

class BoundPlans {
 public:
  explicit BoundPlans(std::shared_ptr<Device> device) : device_(device), weights_(std::move(device)) {}

  // Loads the weights that the plan still lacks, and gives it buffers.
  std::unique_ptr<Executable> prepare(const Plan &plan, const Safetensors &file);
  Buffer &buffer(const char *name) { return buffers_.at(name); }

 private:
  std::shared_ptr<Device> device_;
  Weights weights_;
  std::map<std::string, Buffer> buffers_;
};

}  // namespace incache
