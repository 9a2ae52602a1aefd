// Which operands may share memory (src/plan/aliasing.ts): within an operation, and through buffers bound to several names.
#include <algorithm>

#include "error.h"
#include "plan_batches.h"
#include "plan_schema.h"

namespace incache {
namespace {

// Whether a batch of `view` contains any of the rows [first, end).
bool hasRows(const View &view, int64_t first, int64_t end) {
  if (first >= view.row + view.extent() || end <= view.row) return false;
  if (view.batches == 1) return true;
  // The last batch that begins before the end.
  const int64_t last = std::min(view.batches - 1, (end - 1 - view.row) / view.batchStride);
  return view.row + last * view.batchStride + view.batchRows() > first;
}

bool overlaps(const View &a, const View &b) {
  if (a.buffer != b.buffer || a.column >= b.column + b.columns || b.column >= a.column + a.columns) return false;
  const std::vector<View> batches = eachBatch(a);
  return std::any_of(batches.begin(), batches.end(), [&](const View &batch) { return hasRows(b, batch.row, batch.row + batch.rows); });
}

bool same(const View &a, const View &b) {
  return a.buffer == b.buffer && a.row == b.row && a.rows == b.rows && a.column == b.column && a.columns == b.columns &&
         a.batches == b.batches && a.extent() == b.extent();
}

}  // namespace

bool clashes(const Operand &write, const Operand &other) {
  if (!overlaps(write.view, other.view)) return false;
  return !(write.name == "out" && other.field->rules.inPlace && same(write.view, other.view));
}

void requireDistinct(const Plan &plan, const std::vector<size_t> &owner) {
  std::vector<bool> shared(owner.size(), false);
  for (size_t id = 0; id < owner.size(); id++)
    if (owner[id] != id) shared[owner[id]] = true;
  if (std::find(shared.begin(), shared.end(), true) == shared.end()) return;
  const auto merged = [&](Operand operand) {
    operand.view.buffer = static_cast<int64_t>(owner[static_cast<size_t>(operand.view.buffer)]);
    return operand;
  };
  std::vector<Operand> earlier;
  for (size_t place = 0; place < plan.ops.size(); place++) {
    std::vector<Operand> used = operandsOf(plan.ops[place]);
    used.erase(std::remove_if(used.begin(), used.end(), [&](const Operand &o) { return !shared[static_cast<size_t>(merged(o).view.buffer)]; }),
               used.end());
    const auto refuse = [&](const Operand &write, const Operand &other) {
      const auto name = [&](const Operand &o) { return "'" + plan.buffers[static_cast<size_t>(o.view.buffer)].name + "'"; };
      throw Error(INCACHE_BAD_ARGUMENT, "one buffer is bound to " + name(write) + ", which is written, and to " + name(other) + " (op " +
                                            std::to_string(place) + " of plan '" + plan.name + "'); expected two buffers");
    };
    for (const Operand &other : used) {
      for (const Operand &write : earlier)
        if (write.view.buffer != other.view.buffer && overlaps(merged(write).view, merged(other).view)) refuse(write, other);
      for (const Operand &write : used)
        if (write.writes && write.view.buffer != other.view.buffer && clashes(merged(write), merged(other))) refuse(write, other);
    }
    std::copy_if(used.begin(), used.end(), std::back_inserter(earlier), [](const Operand &o) { return o.writes; });
  }
}

}  // namespace incache
