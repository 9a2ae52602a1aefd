#include "plan_batches.h"

#include <numeric>

#include "plan_schema.h"

namespace incache {
namespace {

// Rows [first, first + count) of a view, all of one batch.
View rowsOf(View view, int64_t first, int64_t count) {
  view.row += first / view.batchRows() * view.batchStride + first % view.batchRows();
  view.rows = count;
  view.batches = 1;
  view.batchStride = 0;
  return view;
}

View partOf(const View &view, Share share, const Cut &cut, int64_t part) {
  const int64_t first = part * cut.size;
  if (share == Share::whole) return view;
  if (share == Share::period) return rowsOf(view, first % view.rows, cut.size);
  if (view.rows < cut.pieces) return rowsOf(view, first / (cut.pieces / view.rows), 1);
  return rowsOf(view, first * (view.rows / cut.pieces), cut.size * (view.rows / cut.pieces));
}

void takePart(const std::vector<Field> &fields, const Cut &cut, int64_t part, Op &op, size_t item) {
  for (const Field &field : fields) {
    if (field.isOperand() && field.view(op, item).given()) field.view(op, item) = partOf(field.view(op, item), field.rules.share, cut, part);
    if (field.kind == Field::Kind::list)
      for (size_t i = 0; i < field.size(op); i++) takePart(field.item(i), cut, part, op, i);
  }
}

}  // namespace

std::vector<View> eachBatch(const View &view) {
  std::vector<View> batches;
  for (int64_t i = 0; i < view.batches; i++) batches.push_back(rowsOf(view, i * view.batchRows(), view.batchRows()));
  return batches;
}

std::optional<Cut> cutOf(const Op &op, const std::function<void(const std::string &)> &misfit) {
  const std::vector<Operand> operands = operandsOf(op);
  const Operand *first = nullptr;
  for (const Operand &operand : operands)
    if (!first && operand.view.batches > 1) first = &operand;
  if (!first) return std::nullopt;
  const OpSchema &schema = schemaOf(op.kind);
  const int64_t pieces = schema.parts < 0 ? 1 : static_cast<int64_t>(Shapes(op, [](const std::string &) {}).value(schema.parts));
  int64_t size = pieces;
  for (const auto &[name, view, writes, field] : operands) {
    const Share share = field->rules.share;
    const bool isBatched = view.batches > 1, fewer = view.rows < pieces;
    if (isBatched && (share == Share::whole || field->rules.types == Types::integers)) {
      misfit(name + " has batches, which " + schema.name + " does not take there");
      return std::nullopt;
    }
    if (share == Share::period) size = std::gcd(size, view.batchRows());
    if (share == Share::images && fewer && pieces % view.rows == 0) size = std::gcd(size, pieces / view.rows);
    else if (share == Share::images && view.rows % pieces != 0)
      misfit(name + " has " + std::to_string(view.rows) + " rows for " + std::to_string(pieces) + " parts, which batches do not allow");
    if (!isBatched || share == Share::period || fewer) continue;
    const int64_t perPiece = view.rows / pieces;
    if (view.batchRows() % perPiece != 0)
      misfit(name + " has batches of " + std::to_string(view.batchRows()) + " rows; expected a multiple of " + std::to_string(perPiece));
    size = std::gcd(size, view.batchRows() / perPiece);
  }
  const int64_t count = pieces / size;
  if (count > kMostBatches)
    misfit(first->name + " has batches that cut the operation into " + std::to_string(count) + " parts; expected at most " +
           std::to_string(kMostBatches));
  return Cut{pieces, size, count};
}

std::vector<Op> splitBatches(const Op &op) {
  const std::optional<Cut> cut = cutOf(op, [](const std::string &) {});
  if (!cut) return {op};
  std::vector<Op> parts(static_cast<size_t>(cut->count), op);
  for (size_t i = 0; i < parts.size(); i++) takePart(schemaOf(op.kind).fields, *cut, static_cast<int64_t>(i), parts[i], 0);
  return parts;
}

}  // namespace incache
