// Views of several batches of rows (src/plan/batches.ts): devices know plain rectangles only, so that an operation with such views is
// cut into parts of which every view is one.
#pragma once
#include <functional>
#include <optional>

#include "plan.h"

namespace incache {

// Batches of a view, and parts that an operation is cut into, at most.
constexpr int64_t kMostBatches = 1024;

// The batches as views of one.
std::vector<View> eachBatch(const View &view);

// Independent pieces of an operation, those of a part, and how many parts there are.
struct Cut {
  int64_t pieces, size, count;
};
// None where no view has batches. What is wrong with one that has is told to `misfit`.
std::optional<Cut> cutOf(const Op &op, const std::function<void(const std::string &)> &misfit);

// The operation in parts without batches, in the order of its rows; itself where it has none.
std::vector<Op> splitBatches(const Op &op);

}  // namespace incache
