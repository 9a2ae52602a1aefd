#include "plan_schema.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "error.h"

namespace incache {
namespace {

Field operand(const char *name, bool writes, View &(*at)(Op &, size_t), Field::Shape shape, Field::Rules rules) {
  Field field(name, writes ? Field::Kind::write : Field::Kind::read);
  field.view = at;
  field.shape = shape;
  field.rules = rules;
  return field;
}

Field count(const char *name, int64_t &(*at)(Op &, size_t), int64_t least, int64_t most, int symbol) {
  Field field(name, Field::Kind::count);
  field.count = at;
  field.least = least;
  field.most = most;
  field.symbol = symbol;
  return field;
}

Field real(const char *name, double &(*at)(Op &, size_t), bool positive) {
  Field field(name, Field::Kind::real);
  field.real = at;
  field.positive = positive;
  return field;
}

Field choice(const char *name, int64_t (*chosen)(const Op &, size_t), void (*choose)(Op &, size_t, int64_t), std::vector<const char *> names) {
  Field field(name, Field::Kind::choice);
  field.chosen = chosen;
  field.choose = choose;
  field.names = std::move(names);
  return field;
}

Field optional(Field field) {
  field.rules.optional = true;
  return field;
}

Field number(const char *name, int64_t &(*at)(Op &, size_t), std::vector<int64_t> numbers, int symbol) {
  Field field(name, Field::Kind::choice);
  field.count = at;
  field.numbers = std::move(numbers);
  field.symbol = symbol;
  return field;
}

Field list(const char *name, size_t (*size)(const Op &), void (*resize)(Op &, size_t), int64_t least, int64_t most,
           std::vector<std::vector<Field>> items, std::vector<std::pair<int, int>> sums, std::vector<int> owns) {
  Field field(name, Field::Kind::list);
  field.size = size;
  field.resize = resize;
  field.least = least;
  field.most = most;
  field.items = std::move(items);
  field.sums = std::move(sums);
  field.owns = std::move(owns);
  return field;
}

// Convert between a choice and its index among the choices of an operation; -1 for a choice that only another operation has.
template <class E>
int64_t placeOf(E value, std::initializer_list<E> choices) {
  const E *const found = std::find(choices.begin(), choices.end(), value);
  return found == choices.end() ? -1 : found - choices.begin();
}
template <class E, size_t N>
E atPlace(int64_t place, const E (&choices)[N]) {
  return choices[place];
}

#include "plan_schema.inc"

const std::vector<OpSchema> &schema() {
  static const std::vector<OpSchema> rows = makeSchema();
  return rows;
}

void collect(const std::vector<Field> &fields, Op &op, size_t item, const std::string &prefix, std::vector<Operand> &operands) {
  for (const Field &field : fields) {
    if (field.isOperand() && field.view(op, item).given())
      operands.push_back({prefix + field.name, field.view(op, item), field.kind == Field::Kind::write, &field});
    if (field.kind == Field::Kind::list)
      for (size_t i = 0; i < field.size(op); i++)
        collect(field.item(i), op, i, std::string(field.name) + "[" + std::to_string(i) + "].", operands);
  }
}

double evaluate(int place, const std::vector<double> &values) {
  const Node &node = kNodes[place];
  if (node.kind == 'n') return node.left;
  if (node.kind == 's') return values[static_cast<size_t>(node.left)];
  const double left = evaluate(node.left, values), right = evaluate(node.right, values);
  if (node.kind == '+') return left + right;
  if (node.kind == '-') return left - right;
  return node.kind == '*' ? left * right : std::floor(left / right);
}

// The symbols of an expression, each followed by a space.
std::string symbolsOf(int place) {
  const Node &node = kNodes[place];
  if (node.kind == 'n') return "";
  return node.kind == 's' ? std::string(kSymbols[node.left]) + " " : symbolsOf(node.left) + symbolsOf(node.right);
}

std::string size(const std::string &rows, const std::string &columns) { return rows + " x " + columns; }

}  // namespace

const OpSchema &schemaOf(OpKind kind) { return schema()[static_cast<size_t>(kind)]; }

const OpSchema &requireSchema(const std::string &name, const std::string &what, OpKind &kind) {
  for (int i = 0; i < kOpKinds; i++) {
    kind = static_cast<OpKind>(i);
    if (name == nameOf(kind)) return schemaOf(kind);
  }
  throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + ".op is '" + name + "'; expected an operation such as linear");
}

void choose(const Field &field, const std::string &name, const std::string &what, Op &op, size_t item) {
  std::string expected;
  for (size_t i = 0; i < field.names.size(); i++) {
    if (name == field.names[i]) return field.choose(op, item, static_cast<int64_t>(i));
    expected += (i == 0 ? "" : i + 1 < field.names.size() ? ", " : " or ") + std::string(field.names[i]);
  }
  throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + "." + field.name + " is '" + name + "'; expected " + expected);
}

const char *nameOf(OpKind kind) { return schemaOf(kind).name; }

std::vector<Operand> operandsOf(const Op &op) {
  std::vector<Operand> operands;
  // The accessors give mutable references, because operations are built with them too. Nothing is changed here.
  collect(schemaOf(op.kind).fields, const_cast<Op &>(op), 0, "", operands);
  return operands;
}

Shapes::Shapes(const Op &op, Misfit misfit) : op_(op), misfit_(std::move(misfit)), values_(std::size(kSymbols), std::nan("")) {
  const OpSchema &schema = schemaOf(op.kind);
  for (const Field &field : schema.fields)
    if (field.count) values_[static_cast<size_t>(field.symbol)] = static_cast<double>(field.count(const_cast<Op &>(op_), 0));
  for (const auto &[symbol, expression] : schema.symbols) {
    const double size = values_[static_cast<size_t>(symbol)] = value(expression);
    if (size < 1) misfit_(std::string(kSymbols[symbol]) + " is " + numberText(size) + "; expected at least 1");
  }
  for (const int place : schema.order) {
    const Field &field = schema.fields[static_cast<size_t>(place)];
    if (field.kind == Field::Kind::list) list(field);
    else view(field.name, field, 0);
  }
}

double Shapes::value(int expression) const { return evaluate(expression, values_); }

void Shapes::list(const Field &field) {
  const std::vector<double> before = values_;
  std::vector<double> totals(field.sums.size(), 0);
  for (size_t i = 0; i < field.size(op_); i++) {
    for (const Field &part : field.item(i))
      if (part.isOperand()) view(std::string(field.name) + "[" + std::to_string(i) + "]." + part.name, part, i);
    for (size_t k = 0; k < totals.size(); k++) totals[k] += value(field.sums[k].second);
    std::vector<double> after = before;
    for (const int symbol : field.owns) after[static_cast<size_t>(symbol)] = values_[static_cast<size_t>(symbol)];
    values_ = std::move(after);
  }
  for (size_t k = 0; k < totals.size(); k++) values_[static_cast<size_t>(field.sums[k].first)] = totals[k];
}

void Shapes::view(const std::string &name, const Field &field, size_t item) {
  const View &view = field.view(const_cast<Op &>(op_), item);
  if (!view.given()) return;
  const double rows = value(field.shape.rows), columns = value(field.shape.columns);
  if (std::isnan(rows) || std::isnan(columns)) {
    side(name, "columns", field.shape.columns, field.shape.columnsDivided, view.columns);
    side(name, "rows", field.shape.rows, field.shape.divided, view.rows);
  } else if (static_cast<double>(view.rows) != rows || static_cast<double>(view.columns) != columns) {
    misfit_(name + " is " + size(std::to_string(view.rows), std::to_string(view.columns)) + "; expected " + size(numberText(rows), numberText(columns)));
  }
}

void Shapes::side(const std::string &name, const char *unit, int size, int divided, int64_t actual) {
  const std::string what = name + " has " + std::to_string(actual) + " " + unit;
  const double wanted = value(size);
  if (!std::isnan(wanted)) {
    if (wanted != static_cast<double>(actual)) misfit_(what + "; expected " + numberText(wanted));
    return;
  }
  solve(size, static_cast<double>(actual), [&](const std::string &by) { misfit_(what + ", not a multiple of " + by); });
  const double all = divided < 0 ? std::nan("") : value(divided);
  if (!std::isnan(all) && std::fmod(all, static_cast<double>(actual)) != 0)
    misfit_(what + ", which does not divide the " + numberText(all) + " " + (unit == std::string("rows") ? "rows of tokens" : unit));
}

// Finds the value of the one symbol of a product that has none yet.
void Shapes::solve(int expression, double wanted, const Misfit &indivisible) {
  const Node &node = kNodes[expression];
  if (node.kind == 's') values_[static_cast<size_t>(node.left)] = wanted;
  if (node.kind != '*') return;
  const bool leftOpen = std::isnan(value(node.left));
  const int known = leftOpen ? node.right : node.left, open = leftOpen ? node.left : node.right;
  const double factor = value(known);
  if (std::isnan(factor)) return;
  if (std::fmod(wanted, factor) != 0) indivisible(symbolsOf(known) + numberText(factor));
  solve(open, std::floor(wanted / factor), indivisible);
}

}  // namespace incache
