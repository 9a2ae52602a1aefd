// Checks a plan, whoever made it (src/plan/validate.ts): shapes, types, roles, aliasing, and that nothing is
// read before it is written. After it the kernels need check nothing but the values of indices.
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "error.h"
#include "plan_region.h"

namespace incache {
namespace {

// Elements of one buffer: 2^38 bytes are beyond any device that this runs on.
constexpr int64_t kMostElements = int64_t{1} << 36;

std::string size(int64_t rows, int64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

std::string span(const char *unit, int64_t first, int64_t count) {
  return std::string(unit) + "s " + std::to_string(first) + " to " + std::to_string(first + count - 1);
}

class OpCheck {
 public:
  OpCheck(const Plan &plan, size_t place) : plan_(plan), op_(plan.ops[place]) {
    where_ = "op " + std::to_string(place) + " (" + nameOf(op_.kind);
    where_ += (op_.layer.empty() ? "" : " of " + op_.layer) + ")";
  }

  void run(std::map<int64_t, Region> &written) {
    const std::vector<Operand> operands = operandsOf(op_);
    for (const Operand &operand : operands) {
      inside(operand);
      const PlanBuffer &buffer = at(operand.view);
      const bool rowScaled = buffer.type == INCACHE_E4M3;
      if ((buffer.type == INCACHE_I32) != operand.integer || (rowScaled && op_.kind != OpKind::linearCombination))
        fail(operand.name + " ('" + buffer.name + "') is not " + (operand.integer ? "i32" : "f32, bf16 or f16"));
      if (rowScaled && operand.view.columns != buffer.columns)
        fail(operand.name + " takes a part of the columns of '" + buffer.name + "', which is e4m3");
      if (!operand.writes) readable(operand, written);
      if (operand.writes && (buffer.role == INCACHE_WEIGHT || buffer.role == INCACHE_INPUT))
        fail(operand.name + " writes to '" + buffer.name + "', which is a weight or an input");
    }
    oneHalfType(operands);
    shapes();
    aliasing(operands);
    for (const Operand &operand : operands)
      if (operand.writes) written[operand.view.buffer].add(operand.view);
  }

 private:
  const Plan &plan_;
  const Op &op_;
  std::string where_;

  [[noreturn]] void fail(const std::string &problem) const {
    throw Error(INCACHE_BAD_PLAN, "not a valid plan: " + where_ + ": " + problem);
  }

  const PlanBuffer &at(const View &view) const { return plan_.buffers[static_cast<size_t>(view.buffer)]; }

  void inside(const Operand &operand) const {
    const View &v = operand.view;
    if (v.buffer >= static_cast<int64_t>(plan_.buffers.size()))
      fail(operand.name + " names buffer " + std::to_string(v.buffer) + ", of " + std::to_string(plan_.buffers.size()));
    const PlanBuffer &buffer = at(v);
    if (v.rows < 1 || v.columns < 1 || v.row + v.rows > buffer.rows || v.column + v.columns > buffer.columns)
      fail(operand.name + " takes " + size(v.rows, v.columns) + " from (" + std::to_string(v.row) + ", " +
           std::to_string(v.column) + ") of '" + buffer.name + "', which is " + size(buffer.rows, buffer.columns));
  }

  void readable(const Operand &operand, const std::map<int64_t, Region> &written) const {
    const PlanBuffer &buffer = at(operand.view);
    if (buffer.role != INCACHE_TEMPORARY && buffer.role != INCACHE_OUTPUT) return;
    const std::string reads = operand.name + " reads '" + buffer.name + "' before ";
    const auto region = written.find(operand.view.buffer);
    if (region == written.end()) fail(reads + "it is written");
    if (const std::optional<View> gap = region->second.missing(operand.view))
      fail(reads + span("row", gap->row, gap->rows) + " of " + span("column", gap->column, gap->columns) + " are written");
  }

  void shape(const char *name, const View &view, int64_t rows, int64_t columns) const {
    if (view.given() && (view.rows != rows || view.columns != columns))
      fail(std::string(name) + " is " + size(view.rows, view.columns) + "; expected " + size(rows, columns));
  }

  void perImage(const char *name, const View &view, const View &tokens) const {
    if (view.columns != tokens.columns || tokens.rows % view.rows != 0)
      fail(std::string(name) + " is " + size(view.rows, view.columns) + "; expected " + std::to_string(tokens.columns) +
           " columns and rows that divide " + std::to_string(tokens.rows));
  }

  void weight(const std::string &name, const View &view) const {
    if (at(view).role != INCACHE_WEIGHT) fail(name + " is '" + at(view).name + "'; expected a weight");
  }

  void positive(const char *name, double value) const {
    if (!(value > 0) || !std::isfinite(value)) fail(std::string(name) + " is " + std::to_string(value) + "; expected a positive number");
  }

  void epilogue() const {
    const bool gated = op_.epilogue == Epilogue::gateResidual;
    if (gated != op_.gate.given() || gated != op_.residual.given())
      fail("gate and residual belong to the epilogue gateResidual, and to no other");
    if (!gated) return;
    perImage("gate", op_.gate, op_.out);
    shape("residual", op_.residual, op_.out.rows, op_.out.columns);
  }

  void shapes() const {
    switch (op_.kind) {
      case OpKind::linear:
        weight("weight", op_.weight);
        shape("weight", op_.weight, op_.weight.rows, op_.x.columns);
        shape("out", op_.out, op_.x.rows, op_.weight.rows);
        shape("store", op_.store, op_.x.rows, op_.weight.rows);
        shape("bias", op_.bias, 1, op_.weight.rows);
        return epilogue();
      case OpKind::calibratedLinear:
        return calibrated();
      case OpKind::calibratedMlp:
        return calibratedMlp();
      case OpKind::attention:
        return attention();
      case OpKind::layerNormModulate:
        shape("out", op_.out, op_.x.rows, op_.x.columns);
        perImage("shift", op_.shift, op_.x);
        shape("scale", op_.scale, op_.shift.rows, op_.shift.columns);
        return positive("epsilon", op_.epsilon);
      case OpKind::patchify:
        return patches(op_.x, op_.out);
      case OpKind::unpatchify:
        return patches(op_.out, op_.x);
      case OpKind::timestepEmbedding:
        shape("x", op_.x, op_.out.rows, 1);
        if (op_.out.columns % 2 != 0) fail("out has an odd number of columns");
        return positive("maxPeriod", op_.maxPeriod);
      case OpKind::gatherRows:
        shape("out", op_.out, op_.out.rows, op_.table.columns);
        return shape("index", op_.index, op_.out.rows, 1);
      case OpKind::add:
        shape("out", op_.out, op_.x.rows, op_.x.columns);
        return perImage("y", op_.y, op_.x);
      case OpKind::silu:
      case OpKind::gelu:
        return shape("out", op_.out, op_.x.rows, op_.x.columns);
      case OpKind::gateResidual:
        shape("out", op_.out, op_.x.rows, op_.x.columns);
        shape("residual", op_.residual, op_.x.rows, op_.x.columns);
        return perImage("gate", op_.gate, op_.x);
      case OpKind::channelStatistics:
        shape("previous", op_.previous, op_.x.rows, op_.x.columns);
        return perImage("out", op_.out, op_.x);
      case OpKind::secondMoment:
        shape("previous", op_.previous, op_.x.rows, op_.x.columns);
        return shape("out", op_.out, op_.x.columns, op_.x.columns);
      case OpKind::linearCombination:
        return terms();
      case OpKind::relativeDistance:
        shape("previous", op_.previous, op_.x.rows, op_.x.columns);
        shape("out", op_.out, 1, 1);
        if (op_.norm != 1 && op_.norm != 2) fail("norm is " + std::to_string(op_.norm) + "; expected 1 or 2");
    }
  }

  void cacheForm() const {
    if (op_.cachedInput.given() == op_.cachedHidden.given())
      fail("expected exactly one of cachedInput (input form) and cachedHidden (rank form)");
    shape("cachedInput", op_.cachedInput, op_.x.rows, op_.x.columns);
  }

  void factorPair(size_t i, int64_t inputs) const {
    const std::string name = "factors[" + std::to_string(i) + "]";
    const auto &[down, up] = op_.factors[i];
    weight(name + ".down", down);
    weight(name + ".up", up);
    shape((name + ".down").c_str(), down, down.rows, inputs);
    shape((name + ".up").c_str(), up, up.rows, down.rows);
  }

  void calibrated() const {
    cacheForm();
    if (op_.factors.empty()) fail("factors is empty");
    int64_t columns = 0, ranks = 0;
    for (size_t i = 0; i < op_.factors.size(); i++) {
      factorPair(i, op_.x.columns);
      columns += op_.factors[i].up.rows;
      ranks += op_.factors[i].down.rows;
    }
    shape("cachedHidden", op_.cachedHidden, op_.x.rows, ranks);
    shape("cachedOutput", op_.cachedOutput, op_.x.rows, columns);
    shape("out", op_.out, op_.x.rows, columns);
    epilogue();
  }

  void calibratedMlp() const {
    cacheForm();
    if (op_.factors.size() != 2)
      fail("factors has " + std::to_string(op_.factors.size()) + " pairs; expected 2, of fc1 and fc2");
    const auto &[fc1, fc2] = std::tie(op_.factors[0], op_.factors[1]);
    factorPair(0, op_.x.columns);
    factorPair(1, fc1.up.rows);
    shape("cachedHidden", op_.cachedHidden, op_.x.rows, fc1.down.rows);
    shape("cachedPreActivation", op_.cachedPreActivation, op_.x.rows, fc1.up.rows);
    shape("cachedOutput", op_.cachedOutput, op_.x.rows, fc2.up.rows);
    shape("out", op_.out, op_.x.rows, fc2.up.rows);
    epilogue();
  }

  void terms() const {
    if (op_.terms.empty() || op_.terms.size() > kMostTerms)
      fail("terms has " + std::to_string(op_.terms.size()) + " of them; expected 1 to " + std::to_string(kMostTerms));
    for (size_t i = 0; i < op_.terms.size(); i++) {
      const std::string name = "terms[" + std::to_string(i) + "]";
      shape((name + ".x").c_str(), op_.terms[i].x, op_.out.rows, op_.out.columns);
      if (!std::isfinite(op_.terms[i].coefficient)) fail(name + ".coefficient is not a finite number");
    }
  }

  void attention() const {
    if (op_.heads < 1 || op_.queryLength < 1 || op_.keyLength < 1)
      fail("heads, queryLength and keyLength must be positive integers");
    positive("scale", op_.attentionScale);
    if (op_.q.columns % op_.heads != 0 || op_.q.rows % op_.queryLength != 0)
      fail("q is " + size(op_.q.rows, op_.q.columns) + "; expected multiples of queryLength and heads");
    const int64_t images = op_.q.rows / op_.queryLength;
    shape("k", op_.k, images * op_.keyLength, op_.q.columns);
    shape("v", op_.v, images * op_.keyLength, op_.q.columns);
    shape("out", op_.out, op_.q.rows, op_.q.columns);
    shape("keyLengths", op_.keyLengths, images, 1);
  }

  void patches(const View &image, const View &tokens) const {
    const int64_t c = op_.channels, h = op_.height, w = op_.width, p = op_.patch;
    if (c < 1 || h < 1 || w < 1 || p < 1 || h % p != 0 || w % p != 0)
      fail("channels, height, width and patch must be positive, and patch divide " + size(h, w));
    // Each bounded before they are multiplied: the operands are not larger than their buffers.
    if (h > image.columns || w > image.columns || c > image.columns || h * w > image.columns || c * h * w != image.columns)
      fail("the image has " + std::to_string(image.columns) + " columns; expected channels * height * width");
    if (tokens.rows != image.rows * (h / p) * (w / p) || tokens.columns != c * p * p)
      fail("the tokens are " + size(tokens.rows, tokens.columns) + "; expected " +
           size(image.rows * (h / p) * (w / p), c * p * p));
  }

  // No kernel converts between 16-bit types.
  void oneHalfType(const std::vector<Operand> &operands) const {
    const PlanBuffer *first = nullptr;
    for (const Operand &operand : operands) {
      const PlanBuffer &buffer = at(operand.view);
      if (!is16Bit(buffer.type)) continue;
      if (!first) first = &buffer;
      if (buffer.type != first->type)
        fail("'" + first->name + "' is " + nameOf(first->type) + " and '" + buffer.name + "' " + nameOf(buffer.type) + "; expected one 16-bit type");
    }
  }

  void aliasing(const std::vector<Operand> &operands) const {
    for (const Operand &write : operands)
      for (const Operand &other : operands) {
        if (write.writes && &write != &other && clashes(op_, write, other))
          fail(write.name + " overlaps " + other.name + " in '" + at(write.view).name + "'");
      }
  }
};

}  // namespace

void validatePlan(const Plan &plan) {
  std::set<std::string> names;
  for (const PlanBuffer &buffer : plan.buffers) {
    const auto fail = [&](const std::string &problem) {
      throw Error(INCACHE_BAD_PLAN, "not a valid plan: buffer '" + buffer.name + "': " + problem);
    };
    if (!names.insert(buffer.name).second) fail("the name is taken by another buffer");
    if (buffer.rows < 1 || buffer.columns < 1 || buffer.rows * buffer.columns > kMostElements)
      fail("it is " + size(buffer.rows, buffer.columns) + "; expected at least one element and at most 2^36");
    if (buffer.type == INCACHE_I32 && buffer.role != INCACHE_INPUT) fail("only inputs may hold i32");
    if (buffer.type == INCACHE_E4M3 && buffer.role != INCACHE_STATE) fail("only states may hold e4m3");
    if (is16Bit(buffer.type) && buffer.role != INCACHE_STATE && buffer.role != INCACHE_TEMPORARY)
      fail("only states and temporaries may hold " + nameOf(buffer.type));
  }
  std::map<int64_t, Region> written;
  for (size_t place = 0; place < plan.ops.size(); place++) OpCheck(plan, place).run(written);
}

}  // namespace incache
