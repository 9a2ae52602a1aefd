// Where temporaries lie in one arena (src/plan/layout.ts): those whose lives do not overlap may share bytes.
#include <algorithm>

#include "plan.h"

namespace incache {
namespace {

struct Life {
  int64_t buffer, bytes;
  size_t first, last;
};

int64_t aligned(const PlanBuffer &buffer) { return (buffer.rows * buffer.columns * bytesOf(buffer.type) + 63) / 64 * 64; }

// The lives of temporaries, in the order in which operations first use them.
std::vector<Life> livesOf(const Plan &plan) {
  std::vector<Life> lives;
  std::vector<size_t> places(plan.buffers.size(), SIZE_MAX);
  for (size_t step = 0; step < plan.ops.size(); step++)
    for (const Operand &operand : operandsOf(plan.ops[step])) {
      const size_t id = static_cast<size_t>(operand.view.buffer);
      if (plan.buffers[id].role != INCACHE_TEMPORARY) continue;
      if (places[id] == SIZE_MAX) {
        places[id] = lives.size();
        lives.push_back({operand.view.buffer, aligned(plan.buffers[id]), step, step});
      }
      lives[places[id]].last = step;
    }
  return lives;
}

struct Span {
  int64_t first, end;
};
// Spans are disjoint and in ascending order.
using Spans = std::vector<Span>;

void add(Spans &spans, Span span) {
  auto first = spans.end();
  while (first != spans.begin() && (first - 1)->end >= span.first) first--;
  auto next = first;
  while (next != spans.end() && next->first <= span.end) {
    span = {std::min(span.first, next->first), std::max(span.end, next->end)};
    next++;
  }
  if (next == first) {
    spans.insert(first, span);
    return;
  }
  *first = span;
  spans.erase(first + 1, next);
}

// Which bytes are taken at which operations: a segment tree (src/plan/occupancy.ts).
class Occupancy {
 public:
  explicit Occupancy(size_t operations) {
    while (leaves_ < operations) leaves_ *= 2;
    nodes_.resize(2 * leaves_);
  }

  // The lowest offset at which the temporary's bytes are free during its whole life.
  int64_t lowest(const Life &life) const {
    Spans taken;
    visit(life, [&](size_t node, bool inside) {
      const Spans &spans = inside ? nodes_[node].some : nodes_[node].whole;
      taken.insert(taken.end(), spans.begin(), spans.end());
    });
    std::sort(taken.begin(), taken.end(), [](const Span &a, const Span &b) { return a.first < b.first; });
    int64_t offset = 0;
    for (const Span &span : taken) {
      if (span.first - offset >= life.bytes) break;
      offset = std::max(offset, span.end);
    }
    return offset;
  }

  void take(const Life &life, int64_t offset) {
    const Span span{offset, offset + life.bytes};
    visit(life, [&](size_t node, bool inside) {
      add(nodes_[node].some, span);
      if (inside) add(nodes_[node].whole, span);
    });
  }

 private:
  // A range of operations. `whole` has what lives recorded at this node take during all of it; `some` has what lives recorded here or
  // below take during any part of it.
  struct Node {
    Spans whole, some;
  };
  size_t leaves_ = 1;
  std::vector<Node> nodes_;

  template <class See>
  void visit(const Life &life, const See &see) const {
    visit(life, see, 1, 0, leaves_);
  }
  template <class See>
  void visit(const Life &life, const See &see, size_t node, size_t from, size_t count) const {
    if (from > life.last || from + count <= life.first) return;
    const bool inside = life.first <= from && from + count - 1 <= life.last;
    see(node, inside);
    if (inside) return;
    visit(life, see, 2 * node, from, count / 2);
    visit(life, see, 2 * node + 1, from + count / 2, count / 2);
  }
};

}  // namespace

Layout layoutTemporaries(const Plan &plan) {
  Layout layout{std::vector<int64_t>(plan.buffers.size(), -1), 0};
  std::vector<Life> lives = livesOf(plan);
  std::stable_sort(lives.begin(), lives.end(), [](const Life &a, const Life &b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.first < b.first;
  });
  Occupancy taken(plan.ops.size());
  for (const Life &life : lives) {
    const int64_t offset = taken.lowest(life);
    taken.take(life, offset);
    layout.offsets[static_cast<size_t>(life.buffer)] = offset;
    layout.bytes = std::max(layout.bytes, offset + life.bytes);
  }
  return layout;
}

}  // namespace incache
