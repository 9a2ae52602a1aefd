#include "executable.h"

#include "error.h"
#include "plan_batches.h"

namespace incache {

Executable::Executable(std::shared_ptr<Device> device, const Plan &plan, const Weights &weights,
                       const std::map<std::string, const Buffer *> &bindings)
    : device_(std::move(device)), plan_(plan), bases_(plan.buffers.size(), nullptr), integers_(plan.buffers.size(), nullptr) {
  requireTypes();
  bindBuffers(bindings);
  bindTemporaries();
  bindPlainWeights(weights);
  for (const Op &op : plan_.ops)
    for (Op &part : splitBatches(op)) parts_.push_back(std::move(part));
  for (const Op &op : parts_) ops_.push_back(bind(op, weights));
  for (const Op &op : plan_.ops) {
    addCheck(op, "index", op.index, 0, op.table.rows - 1);
    addCheck(op, "key length", op.keyLengths, 1, op.keyLength);
  }
  program_ = device_->engine->prepare(ops_);
}

void Executable::requireTypes() const {
  for (const PlanBuffer &buffer : plan_.buffers)
    if (buffer.type == INCACHE_F16 && !device_->engine->has(INCACHE_F16))
      throw Error(INCACHE_BAD_ARGUMENT, "buffer '" + buffer.name + "' is f16; " + device_->engine->name() + " has only f32, i32 and bf16");
}

// Binds states, inputs and outputs to the buffers that the caller has made for them.
void Executable::bindBuffers(const std::map<std::string, const Buffer *> &bindings) {
  std::map<const Buffer *, size_t> first;
  std::vector<size_t> owner(plan_.buffers.size());
  for (size_t id = 0; id < plan_.buffers.size(); id++) {
    owner[id] = id;
    const PlanBuffer &buffer = plan_.buffers[id];
    if (buffer.role == INCACHE_WEIGHT || buffer.role == INCACHE_TEMPORARY) continue;
    const auto found = bindings.find(buffer.name);
    if (found == bindings.end()) throw Error(INCACHE_BAD_ARGUMENT, "no buffer is bound to '" + buffer.name + "'");
    const Buffer &bound = *found->second;
    if (bound.device != device_)
      throw Error(INCACHE_BAD_ARGUMENT, "the buffer bound to '" + buffer.name + "' belongs to another device");
    if (bound.rows != buffer.rows || bound.columns != buffer.columns || bound.type != buffer.type)
      throw Error(INCACHE_BAD_ARGUMENT, "the buffer bound to '" + buffer.name + "' is " + sizeText(bound.rows, bound.columns) +
                                            "; expected " + sizeText(buffer.rows, buffer.columns) + " of the plan's type");
    owner[id] = first.emplace(&bound, id).first->second;
    bases_[id] = bound.block->at();
    kept_.push_back(bound.block);
    if (!bound.integers) continue;
    integers_[id] = reinterpret_cast<const int32_t *>(bound.integers->at());
    kept_.push_back(bound.integers);
  }
  requireDistinct(plan_, owner);
}

void Executable::bindTemporaries() {
  const Layout layout = layoutTemporaries(plan_);
  const std::shared_ptr<Block> arena =
      device_->arena.atLeast(layout.bytes, [&](int64_t bytes) { return device_->allocate(bytes, Engine::Contents::undefined); });
  for (size_t id = 0; id < plan_.buffers.size(); id++)
    if (layout.offsets[id] >= 0) bases_[id] = arena->at() + layout.offsets[id];
  kept_.push_back(arena);
}

Matrix Executable::matrix(const View &v) const {
  const PlanBuffer &buffer = plan_.buffers[static_cast<size_t>(v.buffer)];
  char *base = bases_[static_cast<size_t>(v.buffer)];
  // A buffer of e4m3 is read by whole rows with their scales; the stride is in bytes.
  if (buffer.type == INCACHE_E4M3) {
    const int64_t stride = rowBytes(buffer.type, buffer.columns);
    return {base + v.row * stride, stride, v.rows, v.columns, buffer.type};
  }
  return {base + (v.row * buffer.columns + v.column) * bytesOf(buffer.type), buffer.columns, v.rows, v.columns, buffer.type};
}

const std::shared_ptr<Block> &Executable::keepWeight(const Weights &weights, const View &v, const WeightForm &form) {
  const PlanBuffer &buffer = plan_.buffers[static_cast<size_t>(v.buffer)];
  const std::shared_ptr<Block> block = weights.find(buffer.name, form);
  if (!block) throw Error(INCACHE_BAD_ARGUMENT, "weight '" + buffer.name + "' of " + sizeText(buffer.rows, buffer.columns) + " has not been loaded");
  return kept_.emplace_back(block);
}

// Binds only the weights that operations read unpacked, like any other buffer. Packed weights are looked up when an operation is
// bound.
void Executable::bindPlainWeights(const Weights &weights) {
  for (const Op &op : plan_.ops)
    for (const Operand &operand : operandsOf(op)) {
      const size_t place = static_cast<size_t>(operand.view.buffer);
      if (plan_.buffers[place].role != INCACHE_WEIGHT) continue;
      const WeightForm form = formOf(op, operand.name, operand.view, plan_.buffers[place]);
      if (!form.packed) bases_[place] = keepWeight(weights, operand.view, form)->at();
    }
}

Panels Executable::panels(const Weights &weights, const Op &op, const char *operand, const View &v) {
  const WeightForm form = formOf(op, operand, v, plan_.buffers[static_cast<size_t>(v.buffer)]);
  const std::shared_ptr<Block> &block = keepWeight(weights, v, form);
  return {reinterpret_cast<const Word *>(block->at()), v.rows, v.columns, device_->weights};
}

// The 16-bit type of an operation's operands. A valid plan has at most one per operation; weights of the other type are refused.
incache_type Executable::storageOf(const Op &op) const {
  incache_type storage = INCACHE_F32;
  for (const Operand &operand : operandsOf(op)) {
    const PlanBuffer &buffer = plan_.buffers[static_cast<size_t>(operand.view.buffer)];
    if (is16Bit(buffer.type)) storage = buffer.type;
  }
  const bool multiplies = op.weight.given() || !op.factors.empty();
  if (!multiplies || !is16Bit(device_->weights)) return storage;
  if (is16Bit(storage) && storage != device_->weights)
    throw Error(INCACHE_BAD_ARGUMENT, nameOf(op.kind) + (op.layer.empty() ? std::string() : " of " + op.layer) + " has operands in " +
                                          nameOf(storage) + " and weights in " + nameOf(device_->weights) + "; expected one 16-bit type");
  return device_->weights;
}

BoundOp Executable::bind(const Op &op, const Weights &weights) {
  BoundOp b{};
  b.op = &op;
  b.storage = storageOf(op);
#define INCACHE_BIND(name) \
  if (op.name.given()) b.name = matrix(op.name);
  INCACHE_OPERANDS(INCACHE_BIND)
#undef INCACHE_BIND
  if (op.weight.given()) b.weight = panels(weights, op, "weight", op.weight);
  for (const auto &[down, up] : op.factors) b.factors.push_back({panels(weights, op, "factors", down), panels(weights, op, "factors", up)});
  for (const Term &term : op.terms) b.terms.push_back(matrix(term.x));
  return b;
}

void Executable::addCheck(const Op &op, const char *what, const View &v, int64_t first, int64_t last) {
  if (!v.given()) return;
  const int64_t stride = plan_.buffers[static_cast<size_t>(v.buffer)].columns;
  checks_.push_back({&op, what, integers_[static_cast<size_t>(v.buffer)] + v.row * stride + v.column, stride, v.rows, first, last});
}

// The caller may change indices before every run, so they are checked at every run, before a kernel reads them.
void Executable::check(const IndexCheck &c) {
  for (int64_t i = 0; i < c.count; i++) {
    const int64_t value = c.values[i * c.stride];
    if (value >= c.first && value <= c.last) continue;
    const std::string where = c.op->layer.empty() ? "" : " of " + c.op->layer;
    throw Error(INCACHE_BAD_VALUE, nameOf(c.op->kind) + where + ": " + c.what + " " + std::to_string(i) + " is " + std::to_string(value) +
                                       "; expected one from " + std::to_string(c.first) + " to " + std::to_string(c.last));
  }
}

void Executable::run(RunControl &control) {
  std::lock_guard lock(device_->mutex);
  control.requireNotCancelled();
  for (const IndexCheck &c : checks_) check(c);
  program_->run(control);
}

void Executable::wait() {
  std::lock_guard lock(device_->mutex);
  program_->wait();
}

}  // namespace incache
