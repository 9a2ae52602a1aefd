#include "bound_plans.h"

namespace incache {

std::unique_ptr<Executable> BoundPlans::prepare(const Plan &plan, const Safetensors &file) {
  for (size_t place = weights_.missing(plan, 0); place < plan.buffers.size(); place = weights_.missing(plan, place + 1)) {
    const StoredTensor &tensor = file.tensor(plan.buffers[place].name);
    const std::vector<char> data = file.read(tensor);
    weights_.load(plan, place, {data.data(), tensor.type, tensor.elements});
  }
  std::map<std::string, const Buffer *> bindings;
  for (const PlanBuffer &buffer : plan.buffers) {
    if (buffer.role == INCACHE_WEIGHT || buffer.role == INCACHE_TEMPORARY) continue;
    if (!buffers_.count(buffer.name)) buffers_.emplace(buffer.name, Buffer::create(device_, buffer.rows, buffer.columns, buffer.type));
    bindings[buffer.name] = &buffers_.at(buffer.name);
  }
  return std::make_unique<Executable>(device_, plan, weights_, bindings);
}

}  // namespace incache
