// What a plan costs (src/plan/cost.ts).
#include "plan.h"

namespace incache {

double planMacs(const Plan &plan) {
  double macs = 0;
  const auto product = [&](int64_t a, int64_t b, int64_t c) {
    macs += static_cast<double>(a) * static_cast<double>(b) * static_cast<double>(c);
  };
  for (const Op &op : plan.ops) {
    if (op.kind == OpKind::linear) product(op.x.rows, op.weight.rows, op.weight.columns);
    if (op.kind == OpKind::attention) product(2 * op.q.rows, op.keyLength, op.q.columns);
    if (op.kind == OpKind::secondMoment) product(op.x.rows, op.x.columns, op.x.columns);
    for (const auto &[down, up] : op.factors) product(op.x.rows, down.rows, down.columns + up.rows);
  }
  return macs;
}

double planBytes(const Plan &plan) {
  double bytes = 0;
  for (const Op &op : plan.ops)
    for (const Operand &operand : operandsOf(op)) {
      const View &view = operand.view;
      // Of a table only the rows that are asked for move.
      const int64_t rows = operand.name == "table" ? op.out.rows : view.rows;
      bytes += static_cast<double>(rows * view.columns * bytesOf(plan.buffers[static_cast<size_t>(view.buffer)].type));
    }
  return bytes;
}

}  // namespace incache
