#include "plan_region.h"

#include <algorithm>

namespace incache {

void Region::add(const View &view) {
  const size_t first = cut(view.row), end = cut(view.row + view.rows);
  for (size_t i = first; i < end; i++) unite(bands_[i].spans, {view.column, view.column + view.columns});
  const auto alike = [](const Band &a, const Band &b) { return a.spans == b.spans; };
  bands_.erase(std::unique(bands_.begin(), bands_.end(), alike), bands_.end());
}

std::optional<View> Region::missing(const View &view) const {
  const int64_t endRow = view.row + view.rows, endColumn = view.column + view.columns;
  for (size_t i = 0; i < bands_.size(); i++) {
    const int64_t start = std::max(bands_[i].row, view.row);
    const int64_t end = i + 1 < bands_.size() ? std::min(bands_[i + 1].row, endRow) : endRow;
    if (end <= start) continue;
    int64_t column = view.column, next = endColumn;
    for (const Span &span : bands_[i].spans) {
      if (span.first > column) {
        next = std::min(span.first, endColumn);
        break;
      }
      column = std::max(column, span.end);
    }
    if (column < endColumn) return View{view.buffer, start, end - start, column, next - column};
  }
  return std::nullopt;
}

// The index of the band that begins at `row`. If none begins there, the band that contains the row is cut in two.
size_t Region::cut(int64_t row) {
  const auto next = std::find_if(bands_.begin(), bands_.end(), [&](const Band &band) { return band.row >= row; });
  const size_t place = static_cast<size_t>(next - bands_.begin());
  if (next == bands_.end() || next->row != row) {
    const Band band{row, bands_[place - 1].spans};
    bands_.insert(next, band);
  }
  return place;
}

void Region::unite(std::vector<Span> &spans, Span span) {
  std::vector<Span> apart;
  for (const Span &other : spans) {
    if (other.first > span.end || span.first > other.end) {
      apart.push_back(other);
      continue;
    }
    span = {std::min(span.first, other.first), std::max(span.end, other.end)};
  }
  apart.insert(std::find_if(apart.begin(), apart.end(), [&](const Span &other) { return other.first > span.first; }), span);
  spans = std::move(apart);
}

}  // namespace incache
