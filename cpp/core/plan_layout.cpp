// Where temporaries lie in one arena (src/plan/layout.ts): those whose lives do not overlap may share bytes.
#include <algorithm>
#include <map>

#include "plan.h"

namespace incache {
namespace {

struct Life {
  int64_t buffer, bytes;
  size_t first, last;
  int64_t offset = 0;
};

int64_t aligned(const PlanBuffer &buffer) { return (buffer.rows * buffer.columns * bytesOf(buffer.type) + 63) / 64 * 64; }

std::vector<Life> livesOf(const Plan &plan) {
  std::map<int64_t, Life> found;
  for (size_t step = 0; step < plan.ops.size(); step++)
    for (const Operand &operand : operandsOf(plan.ops[step])) {
      const PlanBuffer &buffer = plan.buffers[static_cast<size_t>(operand.view.buffer)];
      if (buffer.role != INCACHE_TEMPORARY) continue;
      const Life fresh{operand.view.buffer, aligned(buffer), step, step};
      found.emplace(operand.view.buffer, fresh).first->second.last = step;
    }
  std::vector<Life> lives;
  for (const auto &[id, life] : found) lives.push_back(life);
  return lives;
}

}  // namespace

Layout layoutTemporaries(const Plan &plan) {
  Layout layout{std::vector<int64_t>(plan.buffers.size(), -1), 0};
  std::vector<Life> lives = livesOf(plan), placed;
  std::sort(lives.begin(), lives.end(), [](const Life &a, const Life &b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.first < b.first;
  });
  for (Life &life : lives) {
    for (const Life &other : placed) {
      const bool together = other.first <= life.last && life.first <= other.last;
      if (!together) continue;
      if (other.offset - life.offset >= life.bytes) break;
      life.offset = std::max(life.offset, other.offset + other.bytes);
    }
    // Kept in order of offset, so that the search above meets the gaps from below.
    placed.insert(std::upper_bound(placed.begin(), placed.end(), life,
                                   [](const Life &a, const Life &b) { return a.offset < b.offset; }),
                  life);
    layout.offsets[static_cast<size_t>(life.buffer)] = life.offset;
    layout.bytes = std::max(layout.bytes, life.offset + life.bytes);
  }
  return layout;
}

}  // namespace incache
