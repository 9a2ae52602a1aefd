// A plan as the library holds it: the same table of operations as src/plan/types.ts, parsed and checked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "e4m3.h"
#include "incache.h"
#include "plan_ops.h"

namespace incache {

struct Json;

struct PlanBuffer {
  std::string name;
  incache_role role;
  incache_type type;
  int64_t rows;
  int64_t columns;
};

struct View {
  int64_t buffer = -1;
  int64_t row = 0, rows = 0, column = 0, columns = 0;
  // Its rows are those of so many rectangles, which begin so many rows apart (src/plan/batches.ts).
  int64_t batches = 1, batchStride = 0;
  bool given() const { return buffer >= 0; }
  int64_t batchRows() const { return rows / batches; }
  // Rows from the first to the last.
  int64_t extent() const { return (batches - 1) * batchStride + batchRows(); }
};

struct FactorPair {
  View down, up;
};

struct Term {
  View x;
  double coefficient;
};

// Every operand and attribute that some operation has; those that it has not stay absent, or zero.
struct Op {
  OpKind kind;
  std::string layer;
#define INCACHE_MEMBER(name) View name;
  INCACHE_OPERANDS(INCACHE_MEMBER)
  INCACHE_WEIGHTS(INCACHE_MEMBER)
#undef INCACHE_MEMBER
#define INCACHE_MEMBER(name) int64_t name = 0;
  INCACHE_COUNTS(INCACHE_MEMBER)
#undef INCACHE_MEMBER
#define INCACHE_MEMBER(name) double name = 0;
  INCACHE_REALS(INCACHE_MEMBER)
#undef INCACHE_MEMBER
#define INCACHE_MEMBER(type, name) type name{};
  INCACHE_CHOICES(INCACHE_MEMBER)
#undef INCACHE_MEMBER
#define INCACHE_MEMBER(item, name) std::vector<item> name;
  INCACHE_LISTS(INCACHE_MEMBER)
#undef INCACHE_MEMBER
};

struct Plan {
  std::string name;
  std::vector<PlanBuffer> buffers;
  std::vector<Op> ops;
};

const char *nameOf(OpKind kind);

struct Field;
// An operand with its name, as errors tell it, and what the schema says of it (plan_schema.h).
struct Operand {
  std::string name;
  View view;
  bool writes;
  const Field *field;
};
// In the order of the fields of the operation.
std::vector<Operand> operandsOf(const Op &op);

// Throw an Error (INCACHE_BAD_PLAN) for anything that serializePlan would not have written.
Plan parsePlan(const char *text, size_t length);
// The plan in a part of a larger file, without format and version.
Plan planFrom(const Json &json, const std::string &what);
void validatePlan(const Plan &plan);

// Whether `write` overlaps `other` and may not: it is no output in the place of an operand that is read element by element.
bool clashes(const Operand &write, const Operand &other);
// Throws an Error (INCACHE_BAD_ARGUMENT) where buffers that are one memory are used so that the plan would mean something
// else. owner: of each buffer the first that is bound to the same memory.
void requireDistinct(const Plan &plan, const std::vector<size_t> &owner);

// Multiply-accumulates of matrix products, and bytes when every operand moves once (src/plan/cost.ts).
double planMacs(const Plan &plan);
double planBytes(const Plan &plan);

// Of plans, in the order of incache_type and incache_role.
constexpr const char *kTypeNames[] = {"f32", "i32", "bf16", "f16", "e4m3"};
constexpr const char *kRoleNames[] = {"weight", "input", "output", "state", "temporary"};
inline std::string nameOf(incache_type type) { return kTypeNames[type]; }

inline bool is16Bit(incache_type type) { return type == INCACHE_BF16 || type == INCACHE_F16; }
// Of an element.
inline int64_t bytesOf(incache_type type) { return type == INCACHE_E4M3 ? 1 : is16Bit(type) ? 2 : 4; }
inline int64_t rowBytes(incache_type type, int64_t columns) {
  return type == INCACHE_E4M3 ? scaledRowBytes(columns) : columns * bytesOf(type);
}

// Where temporaries lie in the plan's arena; -1 for buffers of other roles.
struct Layout {
  std::vector<int64_t> offsets;
  int64_t bytes = 0;
};
Layout layoutTemporaries(const Plan &plan);

}  // namespace incache
