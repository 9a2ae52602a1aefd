// Checks a plan, whoever made it (src/plan/validate.ts): shapes, types, roles, aliasing, and that nothing is
// read before it is written. After that, only the values of indices remain to be checked.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "error.h"
#include "plan_batches.h"
#include "plan_region.h"
#include "plan_schema.h"

namespace incache {
namespace {

// The most elements of one buffer; 2^38 bytes are more than any device has.
constexpr int64_t kMostElements = int64_t{1} << 36;
constexpr int64_t kMost = 1 << 30;

std::string size(int64_t rows, int64_t columns) { return std::to_string(rows) + " x " + std::to_string(columns); }

std::string span(const char *unit, int64_t first, int64_t count) {
  return std::string(unit) + "s " + std::to_string(first) + " to " + std::to_string(first + count - 1);
}

std::string range(int64_t least, int64_t most) {
  if (most < 0) return "at least " + std::to_string(least);
  if (least == most) return std::to_string(least);
  return std::to_string(least) + " to " + (most == kMost ? "2^30" : std::to_string(most));
}

// "a, b or c"
std::string joined(const std::vector<std::string> &parts, const char *between, const char *last) {
  std::string text;
  for (size_t i = 0; i < parts.size(); i++) text += (i == 0 ? "" : i + 1 < parts.size() ? between : last) + parts[i];
  return text;
}

class OpCheck {
 public:
  OpCheck(const Plan &plan, size_t place) : plan_(plan), op_(plan.ops[place]), schema_(schemaOf(op_.kind)) {
    where_ = "op " + std::to_string(place) + " (" + schema_.name;
    where_ += (op_.layer.empty() ? "" : " of " + op_.layer) + ")";
  }

  void run(std::map<int64_t, Region> &written) {
    attributes(schema_.fields, "", 0);
    const std::vector<Operand> operands = operandsOf(op_);
    for (const Operand &operand : operands) inside(operand);
    for (const Operand &operand : operands)
      if (!operand.writes) readable(operand, written);
    for (const Operand &operand : operands)
      if (operand.writes) writable(operand);
    for (const Operand &operand : operands) type(operand);
    oneHalfType(operands);
    given();
    Shapes(op_, [&](const std::string &problem) { fail(problem); });
    cutOf(op_, [&](const std::string &problem) { fail(problem); });
    aliasing(operands);
    for (const Operand &operand : operands)
      if (operand.writes)
        for (const View &batch : eachBatch(operand.view)) written[operand.view.buffer].add(batch);
  }

 private:
  const Plan &plan_;
  const Op &op_;
  const OpSchema &schema_;
  std::string where_;

  [[noreturn]] void fail(const std::string &problem) const {
    throw Error(INCACHE_BAD_PLAN, "not a valid plan: " + where_ + ": " + problem);
  }

  // The accessors of the schema take a mutable operation, because operations are built with them too. Nothing is changed here.
  Op &op() const { return const_cast<Op &>(op_); }
  const PlanBuffer &at(const View &view) const { return plan_.buffers[static_cast<size_t>(view.buffer)]; }
  const Field &field(int place) const { return schema_.fields[static_cast<size_t>(place)]; }

  void attributes(const std::vector<Field> &fields, const std::string &prefix, size_t item) const {
    for (const Field &field : fields) {
      const std::string name = prefix + field.name;
      if (field.isOperand() && !field.rules.optional && !field.view(op(), item).given()) fail(name + " is missing");
      if (field.kind == Field::Kind::list) list(name, field);
      if (field.kind == Field::Kind::count) count(name, field, field.count(op(), item));
      if (field.kind == Field::Kind::real) real(name, field, field.real(op(), item));
      if (field.kind == Field::Kind::choice && field.names.empty()) number(name, field, field.count(op(), item));
    }
  }

  void list(const std::string &name, const Field &field) const {
    const size_t count = field.size(op_);
    if (static_cast<int64_t>(count) < field.least || (field.most >= 0 && static_cast<int64_t>(count) > field.most))
      fail(name + " has " + std::to_string(count) + " of them; expected " + range(field.least, field.most));
    for (size_t i = 0; i < count; i++) attributes(field.item(i), name + "[" + std::to_string(i) + "].", i);
  }

  void count(const std::string &name, const Field &field, int64_t value) const {
    if (value < field.least || value > field.most)
      fail(name + " is " + std::to_string(value) + "; expected an integer from " + range(field.least, field.most));
  }

  void real(const std::string &name, const Field &field, double value) const {
    if (!std::isfinite(value) || (field.positive && value <= 0))
      fail(name + " is " + numberText(value) + "; expected a " + (field.positive ? "positive" : "finite") + " number");
  }

  void number(const std::string &name, const Field &field, int64_t value) const {
    if (std::find(field.numbers.begin(), field.numbers.end(), value) != field.numbers.end()) return;
    std::vector<std::string> numbers;
    for (const int64_t each : field.numbers) numbers.push_back(std::to_string(each));
    fail(name + " is " + std::to_string(value) + "; expected " + joined(numbers, ", ", " or "));
  }

  // Checks operands that depend on an attribute, groups of operands of which exactly one is given, and counts that divide others.
  void given() const {
    size_t count = 0;
    std::vector<std::string> names;
    for (const int place : schema_.exactlyOne) {
      count += field(place).view(op(), 0).given() ? 1 : 0;
      names.push_back(field(place).name);
    }
    if (!names.empty() && count != 1) fail("expected exactly one of " + joined(names, ", ", " and "));
    for (size_t place = 0; place < schema_.fields.size(); place++)
      if (!schema_.fields[place].names.empty()) dependents(static_cast<int>(place));
    for (const auto &[divisor, multiples] : schema_.divides) {
      const int64_t by = field(divisor).count(op(), 0);
      std::vector<std::string> sizes;
      bool fits = true;
      for (const int multiple : multiples) {
        const int64_t value = field(multiple).count(op(), 0);
        sizes.push_back(std::to_string(value));
        fits = fits && value % by == 0;
      }
      if (!fits) fail(std::string(field(divisor).name) + " " + std::to_string(by) + " does not divide " + joined(sizes, " x ", " x "));
    }
  }

  void dependents(int place) const {
    const int64_t chosen = field(place).chosen(op_, 0);
    std::vector<std::string> needed, others;
    bool lacks = false, has = false;
    for (const Field &each : schema_.fields) {
      if (each.rules.when != place) continue;
      const bool isGiven = each.view(op(), 0).given();
      const bool belongs = (each.rules.choices >> chosen & 1) != 0;
      (belongs ? needed : others).push_back(each.name);
      lacks = lacks || (belongs && !isGiven);
      has = has || (!belongs && isGiven);
    }
    const std::string choice = std::string(field(place).name) + " " + field(place).names[static_cast<size_t>(chosen)];
    if (lacks) fail(choice + " needs " + joined(needed, " and ", " and "));
    if (has) fail(choice + " takes " + (others.size() > 1 ? "neither " : "no ") + joined(others, " nor ", " nor "));
  }

  void inside(const Operand &operand) const {
    const View &v = operand.view;
    if (v.buffer >= static_cast<int64_t>(plan_.buffers.size()))
      fail(operand.name + " names buffer " + std::to_string(v.buffer) + ", of " + std::to_string(plan_.buffers.size()));
    const PlanBuffer &buffer = at(v);
    batches(operand);
    const auto side = [&](int64_t first, int64_t count, int64_t size, const char *unit) {
      if (count < 1 || first + count > size)
        fail(operand.name + " takes " + std::to_string(count) + " " + unit + " from " + std::to_string(first) + " of '" + buffer.name +
             "', which has " + std::to_string(size));
    };
    side(v.row, v.extent(), buffer.rows, "rows");
    side(v.column, v.columns, buffer.columns, "columns");
  }

  void batches(const Operand &operand) const {
    const View &v = operand.view;
    if (v.batches < 1 || v.batches > kMostBatches)
      fail(operand.name + " has " + std::to_string(v.batches) + " batches; expected an integer from 1 to " + std::to_string(kMostBatches));
    if (v.rows % v.batches != 0)
      fail(operand.name + " has " + std::to_string(v.rows) + " rows in " + std::to_string(v.batches) + " batches; expected a multiple");
    const int64_t least = v.batches == 1 ? 0 : v.batchRows();
    if (v.batchStride < least || v.batchStride > kMost)
      fail(operand.name + " has batches " + std::to_string(v.batchStride) + " rows apart; expected an integer from " + std::to_string(least) +
           " to 2^30");
  }

  void readable(const Operand &operand, const std::map<int64_t, Region> &written) const {
    const PlanBuffer &buffer = at(operand.view);
    if (buffer.role != INCACHE_TEMPORARY && buffer.role != INCACHE_OUTPUT) return;
    const std::string reads = operand.name + " reads '" + buffer.name + "' before ";
    const auto region = written.find(operand.view.buffer);
    if (region == written.end()) fail(reads + "it is written");
    for (const View &batch : eachBatch(operand.view))
      if (const std::optional<View> gap = region->second.missing(batch))
        fail(reads + span("row", gap->row, gap->rows) + " of " + span("column", gap->column, gap->columns) + " are written");
  }

  void writable(const Operand &operand) const {
    const PlanBuffer &buffer = at(operand.view);
    if (buffer.role == INCACHE_WEIGHT || buffer.role == INCACHE_INPUT)
      fail(operand.name + " writes to '" + buffer.name + "', which is a " + kRoleNames[buffer.role]);
  }

  void type(const Operand &operand) const {
    const PlanBuffer &buffer = at(operand.view);
    const Field::Rules &rules = operand.field->rules;
    const bool integers = rules.types == Types::integers, rows = rules.types == Types::rows;
    const bool rowScaled = buffer.type == INCACHE_E4M3;
    if ((buffer.type == INCACHE_I32) != integers || (rowScaled && !rows))
      fail(operand.name + " is " + nameOf(buffer.type) + " ('" + buffer.name + "'); expected " +
           (integers ? "i32" : rows ? "f32, bf16, f16, e4m3" : "f32, bf16, f16"));
    // A row of e4m3 has one scale, at its beginning, so only whole rows can be used.
    if (rowScaled && operand.view.columns != buffer.columns)
      fail(operand.name + " takes " + std::to_string(operand.view.columns) + " of the " + std::to_string(buffer.columns) + " columns of '" +
           buffer.name + "', which is e4m3");
    if (rules.weight && buffer.role != INCACHE_WEIGHT)
      fail(operand.name + " is '" + buffer.name + "', of role " + kRoleNames[buffer.role] + "; expected a weight");
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
        if (write.writes && &write != &other && clashes(write, other))
          fail(write.name + " overlaps " + other.name + " in '" + at(write.view).name + "'");
      }
  }
};

}  // namespace

void validatePlan(const Plan &plan) {
  std::set<std::string> names;
  for (size_t id = 0; id < plan.buffers.size(); id++) {
    const PlanBuffer &buffer = plan.buffers[id];
    const auto fail = [&](const std::string &problem) {
      throw Error(INCACHE_BAD_PLAN, "not a valid plan: buffer " + std::to_string(id) + " ('" + buffer.name + "'): " + problem);
    };
    const auto side = [&](const char *name, int64_t size) {
      if (size < 1 || size > kMost) fail(std::string(name) + " is " + std::to_string(size) + "; expected an integer from 1 to 2^30");
    };
    const auto only = [&](const char *roles) { fail(std::string("only ") + roles + " may hold " + nameOf(buffer.type) + ", not a " + kRoleNames[buffer.role]); };
    if (!names.insert(buffer.name).second) fail("the name is taken by another buffer");
    side("rows", buffer.rows);
    side("columns", buffer.columns);
    if (buffer.rows * buffer.columns > kMostElements)
      fail("it is " + size(buffer.rows, buffer.columns) + "; expected at most 2^36 elements");
    if (buffer.type == INCACHE_I32 && buffer.role != INCACHE_INPUT) only("inputs");
    if (buffer.type == INCACHE_E4M3 && buffer.role != INCACHE_STATE) only("states");
    if (is16Bit(buffer.type) && buffer.role != INCACHE_STATE && buffer.role != INCACHE_TEMPORARY) only("states and temporaries");
  }
  std::map<int64_t, Region> written;
  for (size_t place = 0; place < plan.ops.size(); place++) OpCheck(plan, place).run(written);
}

}  // namespace incache
