// Weights on a device, in the forms that plans need.
#pragma once
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "device.h"

namespace incache {

// A form of a weight: a rectangle of it packed for products, or all of it as it is.
struct WeightForm {
  bool packed;
  // The pixels that a filter covers: a row of a convolution's weight is [channels][taps], and is packed as [taps][channels]. 1 for
  // other weights.
  int64_t taps;
  View view;
  // The shape of the whole tensor: in another plan, a tensor of the same name may have another shape.
  int64_t rows, columns;
  std::string key() const;
};

// The form in which an operand of this name reads a tensor of the buffer's shape.
WeightForm formOf(const Op &op, const std::string &operand, const View &view, const PlanBuffer &buffer);

struct Tensor {
  const void *data;
  incache_type type;
  uint64_t elements;
};

class Weights {
 public:
  explicit Weights(std::shared_ptr<Device> device) : device_(std::move(device)) {}

  const std::shared_ptr<Device> &device() const { return device_; }
  // The bytes of all forms together.
  uint64_t bytes() const { return bytes_.load(); }
  // The index of the first buffer, from `from` on, that has a form to be loaded; the number of buffers if there is none.
  size_t missing(const Plan &plan, size_t from) const;
  void load(const Plan &plan, size_t place, const Tensor &tensor);
  void release(const std::string &prefix);
  // Null for a form that has not been loaded.
  std::shared_ptr<Block> find(const std::string &name, const WeightForm &form) const;

 private:
  std::shared_ptr<Device> device_;
  mutable std::mutex mutex_;
  // By name of the tensor, then by form.
  std::map<std::string, std::map<std::string, std::shared_ptr<Block>>> forms_;
  std::atomic<uint64_t> bytes_{0};

  bool has(const std::string &name, const WeightForm &form) const;
  std::shared_ptr<Block> make(const PlanBuffer &buffer, const WeightForm &form, const Tensor &tensor) const;
  std::vector<char> tapsFirst(const Source &source, int64_t rows, int64_t columns, int64_t taps) const;
  void requireFinite(const PlanBuffer &buffer, const Tensor &tensor) const;
};

}  // namespace incache
