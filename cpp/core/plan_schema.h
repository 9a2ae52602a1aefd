// The fields of each kind of operation (src/plan/schema.ts, src/plan/fields.ts): one table, used by parsing, building from C,
// validation, liveness and cost.
#pragma once
#include <functional>

#include "plan.h"

namespace incache {

// A node of an expression: a number, the index of a symbol, or an operation on two nodes, given by their indices.
struct Node {
  char kind;
  int left, right;
};

// The element types that an operand may have (src/plan/fields.ts).
enum class Types { floats, rows, integers };

// Which rows of an operand belong to a part of its operation (src/plan/batches.ts).
enum class Share { parts, images, period, whole };

struct Field {
  enum class Kind { read, write, count, real, choice, list };
  const char *name;
  Kind kind;
  Field(const char *name_, Kind kind_) : name(name_), kind(kind_) {}

  // Gives the field's value in an operation; for a field of a list, in the item with this index.
  View &(*view)(Op &, size_t) = nullptr;
  int64_t &(*count)(Op &, size_t) = nullptr;
  double &(*real)(Op &, size_t) = nullptr;

  // The shape of an operand, as expressions; -1 for none. `divided` is what its rows or columns must divide, `moved` how many rows are
  // read if not all.
  struct Shape {
    int rows = -1, divided = -1, columns = -1, columnsDivided = -1, moved = -1;
  } shape;
  // The rules of an operand. A choice by name uses only `optional`: if it is not given, it is the first of its names. `when` is the index
  // of the choice that decides whether the operand is given, with a bit for each value for which it is.
  struct Rules {
    Types types = Types::floats;
    bool optional = false, weight = false, inPlace = false;
    int when = -1;
    uint32_t choices = 0;
    Share share = Share::whole;
  } rules;

  // The range of a count, or of the number of items of a list; `most` is -1 if there is no bound.
  int64_t least = 0, most = 0;
  bool positive = false;
  int symbol = -1;

  // The names of a choice by name; its value is the index of the name. A choice of numbers uses `count` instead.
  std::vector<const char *> names;
  std::vector<int64_t> numbers;
  int64_t (*chosen)(const Op &, size_t) = nullptr;
  void (*choose)(Op &, size_t, int64_t) = nullptr;

  // For a list: the fields of every item, or of the first, the second and so on; the symbols that are sums over the items, and
  // those that the list decides.
  size_t (*size)(const Op &) = nullptr;
  void (*resize)(Op &, size_t) = nullptr;
  std::vector<std::vector<Field>> items;
  std::vector<std::pair<int, int>> sums;
  std::vector<int> owns;

  bool isOperand() const { return kind == Kind::read || kind == Kind::write; }
  const std::vector<Field> &item(size_t i) const { return items[i < items.size() ? i : items.size() - 1]; }
};

struct OpSchema {
  const char *name;
  std::vector<Field> fields;
  // Indices of operands and lists in the order in which their shapes are checked.
  std::vector<int> order;
  // Indices of the operands of which exactly one is given.
  std::vector<int> exactlyOne;
  // Counts, each with the counts that it must divide.
  std::vector<std::pair<int, std::vector<int>>> divides;
  // Symbols that follow from counts, with their expressions.
  std::vector<std::pair<int, int>> symbols;
  int macs;
  // The expression for the number of independent pieces, if views may have batches; otherwise -1.
  int parts;
};

const OpSchema &schemaOf(OpKind kind);
// Both throw an Error (INCACHE_BAD_PLAN) for an unknown name; `what` is the operation's name in errors.
const OpSchema &requireSchema(const std::string &name, const std::string &what, OpKind &kind);
void choose(const Field &field, const std::string &name, const std::string &what, Op &op, size_t item);

// The values of an operation's symbols (src/plan/shapes.ts). Calls `misfit` for a view that does not fit.
class Shapes {
 public:
  using Misfit = std::function<void(const std::string &)>;
  Shapes(const Op &op, Misfit misfit);
  // NaN if no view decides one of the expression's symbols.
  double value(int expression) const;

 private:
  const Op &op_;
  Misfit misfit_;
  // The value of each symbol; NaN if it has none yet.
  std::vector<double> values_;

  void list(const Field &field);
  void view(const std::string &name, const Field &field, size_t item);
  void side(const std::string &name, const char *unit, int size, int divided, int64_t actual);
  void solve(int expression, double wanted, const Misfit &indivisible);
};

}  // namespace incache
