// The part of a buffer that has been written (src/plan/region.ts): bands of rows, each with its written columns.
#pragma once
#include <optional>

#include "plan.h"

namespace incache {

class Region {
 public:
  void add(const View &view);
  // The topmost rectangle of `view` that is not in the region; none if the region contains the whole view.
  std::optional<View> missing(const View &view) const;

 private:
  struct Span {
    int64_t first, end;
    bool operator==(const Span &other) const { return first == other.first && end == other.end; }
  };
  // The rows from `row` up to the next band.
  struct Band {
    int64_t row;
    std::vector<Span> spans;
  };
  std::vector<Band> bands_{{0, {}}};

  size_t cut(int64_t row);
  static void unite(std::vector<Span> &spans, Span span);
};

}  // namespace incache
