// What a plan costs (src/plan/cost.ts).
#include "plan_schema.h"

namespace incache {
namespace {

// Every view of a valid plan fits, so there is nothing to report.
Shapes shapesOf(const Op &op) {
  return Shapes(op, [](const std::string &) {});
}

}  // namespace

double planMacs(const Plan &plan) {
  double macs = 0;
  for (const Op &op : plan.ops) macs += shapesOf(op).value(schemaOf(op.kind).macs);
  return macs;
}

double planBytes(const Plan &plan) {
  double bytes = 0;
  for (const Op &op : plan.ops) {
    const Shapes shapes = shapesOf(op);
    for (const Operand &operand : operandsOf(op)) {
      const View &view = operand.view;
      const int moved = operand.field->shape.moved;
      const double rows = moved < 0 ? static_cast<double>(view.rows) : shapes.value(moved);
      bytes += rows * static_cast<double>(view.columns * bytesOf(plan.buffers[static_cast<size_t>(view.buffer)].type));
    }
  }
  return bytes;
}

}  // namespace incache
