#include "weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "error.h"

namespace incache {
namespace {

// The forms in which the plan's operations need one buffer, without duplicates.
std::map<std::string, WeightForm> formsNeeded(const Plan &plan, size_t place) {
  std::map<std::string, WeightForm> forms;
  for (const Op &op : plan.ops)
    for (const Operand &operand : operandsOf(op))
      if (operand.view.buffer == static_cast<int64_t>(place)) {
        const WeightForm form = formOf(op, operand.name, operand.view, plan.buffers[place]);
        forms.emplace(form.key(), form);
      }
  return forms;
}

}  // namespace

WeightForm formOf(const Op &op, const std::string &operand, const View &view, const PlanBuffer &buffer) {
  const int64_t taps = op.kind == OpKind::convolution ? op.kernel * op.kernel : 1;
  return {operand == "weight" || operand.rfind("factors", 0) == 0, taps, view, buffer.rows, buffer.columns};
}

std::string WeightForm::key() const {
  const std::string shape = sizeText(rows, columns);
  if (!packed) return shape;
  return shape + (taps > 1 ? " by " + std::to_string(taps) : "") + ": " + std::to_string(view.row) + "+" + std::to_string(view.rows) + "," + std::to_string(view.column) + "+" + std::to_string(view.columns);
}

bool Weights::has(const std::string &name, const WeightForm &form) const {
  const auto found = forms_.find(name);
  return found != forms_.end() && found->second.count(form.key()) > 0;
}

std::shared_ptr<Block> Weights::find(const std::string &name, const WeightForm &form) const {
  std::lock_guard lock(mutex_);
  return has(name, form) ? forms_.at(name).at(form.key()) : nullptr;
}

size_t Weights::missing(const Plan &plan, size_t from) const {
  std::lock_guard lock(mutex_);
  std::vector<bool> lacking(plan.buffers.size(), false);
  for (const Op &op : plan.ops)
    for (const Operand &operand : operandsOf(op)) {
      const size_t place = static_cast<size_t>(operand.view.buffer);
      if (place < from || plan.buffers[place].role != INCACHE_WEIGHT || lacking[place]) continue;
      lacking[place] = !has(plan.buffers[place].name, formOf(op, operand.name, operand.view, plan.buffers[place]));
    }
  size_t place = from;
  while (place < lacking.size() && !lacking[place]) place++;
  return std::min(place, lacking.size());
}

void Weights::load(const Plan &plan, size_t place, const Tensor &tensor) {
  const PlanBuffer &buffer = plan.buffers.at(place);
  if (buffer.role != INCACHE_WEIGHT) throw Error(INCACHE_BAD_ARGUMENT, "buffer '" + buffer.name + "' is not a weight");
  if (tensor.type != INCACHE_F32 && tensor.type != INCACHE_BF16 && tensor.type != INCACHE_F16)
    throw Error(INCACHE_BAD_ARGUMENT, "type is " + std::to_string(tensor.type) + "; expected INCACHE_F32, INCACHE_BF16 or INCACHE_F16");
  if (tensor.elements != static_cast<uint64_t>(buffer.rows * buffer.columns))
    throw Error(INCACHE_BAD_ARGUMENT, "weight '" + buffer.name + "' has " + std::to_string(tensor.elements) + " values; the plan expects " +
                                          sizeText(buffer.rows, buffer.columns));
  const auto needed = formsNeeded(plan, place);
  std::lock_guard running(device_->mutex);
  requireFinite(buffer, tensor);
  for (const auto &[key, form] : needed) {
    if (find(buffer.name, form)) continue;
    const std::shared_ptr<Block> block = make(buffer, form, tensor);
    std::lock_guard lock(mutex_);
    if (forms_[buffer.name].emplace(key, block).second) bytes_ += static_cast<uint64_t>(block->bytes());
  }
}

std::shared_ptr<Block> Weights::make(const PlanBuffer &buffer, const WeightForm &form, const Tensor &tensor) const {
  if (!form.packed) return device_->engine->widen({tensor.data, tensor.type, 0}, buffer.rows * buffer.columns);
  const View &v = form.view;
  const char *first = static_cast<const char *>(tensor.data) + (v.row * buffer.columns + v.column) * bytesOf(tensor.type);
  const Source source = {first, tensor.type, buffer.columns};
  if (form.taps == 1) return device_->engine->pack(source, v.rows, v.columns, device_->weights);
  const std::vector<char> byTap = tapsFirst(source, v.rows, v.columns, form.taps);
  return device_->engine->pack({byTap.data(), tensor.type, v.columns}, v.rows, v.columns, device_->weights);
}

// Reorders rows of [channels][taps] to rows of [taps][channels], keeping the type.
std::vector<char> Weights::tapsFirst(const Source &source, int64_t rows, int64_t columns, int64_t taps) const {
  const int64_t bytes = bytesOf(source.type), channels = columns / taps;
  std::vector<char> result(static_cast<size_t>(rows * columns * bytes));
  device_->host.pool.run(rows, [&](int64_t row, int64_t) {
    const char *from = static_cast<const char *>(source.at) + row * source.stride * bytes;
    char *to = result.data() + row * columns * bytes;
    for (int64_t tap = 0; tap < taps; tap++)
      for (int64_t channel = 0; channel < channels; channel++, to += bytes)
        std::memcpy(to, from + (channel * taps + tap) * bytes, static_cast<size_t>(bytes));
  });
  return result;
}

// A weight that is not a number would silently turn every image into noise.
void Weights::requireFinite(const PlanBuffer &buffer, const Tensor &tensor) const {
  constexpr int64_t kPiece = 4096;
  const int64_t count = static_cast<int64_t>(tensor.elements);
  std::atomic<int64_t> worst{count};
  device_->host.pool.run((count + kPiece - 1) / kPiece, [&](int64_t piece, int64_t) {
    float values[kPiece];
    const int64_t first = piece * kPiece, some = std::min(kPiece, count - first);
    device_->host.kernels.widen({static_cast<const char *>(tensor.data) + first * bytesOf(tensor.type), tensor.type, 0}, some, values);
    for (int64_t i = 0; i < some; i++) {
      if (std::isfinite(values[i])) continue;
      int64_t known = worst;
      while (first + i < known && !worst.compare_exchange_weak(known, first + i)) {
      }
      return;
    }
  });
  if (worst == count) return;
  float value;
  device_->host.kernels.widen({static_cast<const char *>(tensor.data) + worst * bytesOf(tensor.type), tensor.type, 0}, 1, &value);
  const char *text = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  throw Error(INCACHE_BAD_VALUE, "weight '" + buffer.name + "' holds " + text + " at element " + std::to_string(worst) + "; expected finite numbers");
}

void Weights::release(const std::string &prefix) {
  std::lock_guard lock(mutex_);
  // Names with the same prefix are next to each other.
  for (auto at = forms_.lower_bound(prefix); at != forms_.end() && at->first.compare(0, prefix.size(), prefix) == 0; at = forms_.erase(at))
    for (const auto &[form, block] : at->second) bytes_ -= static_cast<uint64_t>(block->bytes());
}

}  // namespace incache
