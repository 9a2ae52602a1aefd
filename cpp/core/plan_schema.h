// What each kind of operation has (src/plan/schema.ts, src/plan/fields.ts): the one table that parsing, building from C,
// validation, liveness and cost share.
#pragma once
#include <functional>

#include "plan.h"

namespace incache {

// Of an expression over symbols: a number, a symbol by its place, or an operation on two nodes by their places.
struct Node {
  char kind;
  int left, right;
};

// Which elements an operand may have (src/plan/fields.ts).
enum class Types { floats, rows, integers };

// What of an operand a part of its operation has (src/plan/batches.ts).
enum class Share { parts, images, period, whole };

struct Field {
  enum class Kind { read, write, count, real, choice, list };
  const char *name;
  Kind kind;
  Field(const char *name_, Kind kind_) : name(name_), kind(kind_) {}

  // Where the value of the field is in an operation, for one of a list in its item of this place.
  View &(*view)(Op &, size_t) = nullptr;
  int64_t &(*count)(Op &, size_t) = nullptr;
  double &(*real)(Op &, size_t) = nullptr;

  // Of an operand: expressions, -1 for none. `divided` is what its rows or columns must divide, `moved` how many rows move if not all.
  struct Shape {
    int rows = -1, divided = -1, columns = -1, columnsDivided = -1, moved = -1;
  } shape;
  // Of an operand; of a choice by name `optional` alone, which is the first of its names where it is not given. `when`: the place of the
  // choice that decides whether an operand is given, and a bit for each choice with which it is.
  struct Rules {
    Types types = Types::floats;
    bool optional = false, weight = false, inPlace = false;
    int when = -1;
    uint32_t choices = 0;
    Share share = Share::whole;
  } rules;

  // Of a count, or of the items of a list; most is -1 where there is no bound.
  int64_t least = 0, most = 0;
  bool positive = false;
  int symbol = -1;

  // Of a choice by name: its value is the place of the name. One of numbers has them as they are, in `count`.
  std::vector<const char *> names;
  std::vector<int64_t> numbers;
  int64_t (*chosen)(const Op &, size_t) = nullptr;
  void (*choose)(Op &, size_t, int64_t) = nullptr;

  // Of a list: the fields of every item, or of the first, the second and so on; symbols that are sums over the items, and
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
  // Places of operands and lists in the order in which their shapes are looked at.
  std::vector<int> order;
  // Places of the operands of which exactly one is given.
  std::vector<int> exactlyOne;
  // A count, and those that it must divide.
  std::vector<std::pair<int, std::vector<int>>> divides;
  // Symbols that follow from counts, with their expressions.
  std::vector<std::pair<int, int>> symbols;
  int macs;
  // What counts its independent pieces, where views may have batches; else -1.
  int parts;
};

const OpSchema &schemaOf(OpKind kind);
// Both throw an Error (INCACHE_BAD_PLAN) for a name that is none; `what` is how errors call the operation.
const OpSchema &requireSchema(const std::string &name, const std::string &what, OpKind &kind);
void choose(const Field &field, const std::string &name, const std::string &what, Op &op, size_t item);

// What the symbols of an operation stand for (src/plan/shapes.ts). A view that does not fit is told to `misfit`.
class Shapes {
 public:
  using Misfit = std::function<void(const std::string &)>;
  Shapes(const Op &op, Misfit misfit);
  // NaN where no view decides one of its symbols.
  double value(int expression) const;

 private:
  const Op &op_;
  Misfit misfit_;
  // By symbol; NaN for one that stands for nothing yet.
  std::vector<double> values_;

  void list(const Field &field);
  void view(const std::string &name, const Field &field, size_t item);
  void side(const std::string &name, const char *unit, int size, int divided, int64_t actual);
  void solve(int expression, double wanted, const Misfit &indivisible);
};

}  // namespace incache
