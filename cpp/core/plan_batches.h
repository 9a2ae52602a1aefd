// Views of several batches of rows (src/plan/batches.ts). Devices know only plain rectangles, so an operation with such views is
// cut into parts whose views are plain rectangles.
#pragma once
#include <functional>
#include <optional>

#include "plan.h"

namespace incache {

// The most batches that a view may have, and the most parts that an operation is cut into.
constexpr int64_t kMostBatches = 1024;

// The batches as views of one.
std::vector<View> eachBatch(const View &view);

// The independent pieces of an operation, the pieces of one part, and the number of parts.
struct Cut {
  int64_t pieces, size, count;
};
// None if no view has batches. Calls `misfit` with what is wrong with views that have.
std::optional<Cut> cutOf(const Op &op, const std::function<void(const std::string &)> &misfit);

// The parts of the operation, in the order of its rows; the operation itself if no view has batches.
std::vector<Op> splitBatches(const Op &op);

}  // namespace incache
