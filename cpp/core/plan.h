// A plan as the library holds it: the same table of operations as src/plan/types.ts, parsed and checked.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "e4m3.h"
#include "incache.h"

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
  bool given() const { return buffer >= 0; }
};

enum class OpKind {
  linear,
  calibratedLinear,
  calibratedMlp,
  attention,
  layerNormModulate,
  patchify,
  unpatchify,
  timestepEmbedding,
  gatherRows,
  add,
  silu,
  gelu,
  gateResidual,
  channelStatistics,
  secondMoment,
  linearCombination,
  relativeDistance,
};
constexpr int kOpKinds = 17;

enum class Epilogue { none, gelu, silu, gateResidual };

struct FactorPair {
  View down, up;
};

constexpr size_t kMostTerms = 4;

struct Term {
  View x;
  double coefficient;
};

// Every operand that some operation has; those it has not stay absent.
struct Op {
  OpKind kind;
  std::string layer;
  View x, y, weight, bias, store, gate, residual, cachedInput, cachedHidden, cachedPreActivation, cachedOutput;
  View q, k, v, keyLengths, shift, scale, table, index, previous, out;
  std::vector<FactorPair> factors;
  std::vector<Term> terms;
  Epilogue epilogue = Epilogue::none;
  double attentionScale = 0, epsilon = 0, maxPeriod = 0;
  int64_t heads = 0, queryLength = 0, keyLength = 0;
  int64_t channels = 0, height = 0, width = 0, patch = 0, norm = 0;
};

struct Plan {
  std::string name;
  std::vector<PlanBuffer> buffers;
  std::vector<Op> ops;
};

// The fields of a kind of operation: the one table that parsing, building from C and validation share.
struct OpFields {
  template <class T>
  struct Field {
    const char *name;
    T Op::*at;
  };
  const char *name;
  std::vector<Field<View>> needed, optional;
  std::vector<Field<int64_t>> counts;
  std::vector<Field<double>> reals;
  bool factors = false, epilogue = false, terms = false;
};
const OpFields &fieldsOf(OpKind kind);

const char *nameOf(OpKind kind);
// Throws an Error (INCACHE_BAD_PLAN) for a name that is none of its kind.
OpKind opNamed(const std::string &name, const std::string &what);
Epilogue epilogueNamed(const std::string &name, const std::string &what);

// An operand with its name, as errors tell it.
struct Operand {
  std::string name;
  View view;
  bool writes;
  bool integer;
};
std::vector<Operand> operandsOf(const Op &op);

// Throw an Error (INCACHE_BAD_PLAN) for anything that serializePlan would not have written.
Plan parsePlan(const char *text, size_t length);
// The plan in a part of a larger file, without format and version.
Plan planFrom(const Json &json, const std::string &what);
void validatePlan(const Plan &plan);

// Whether `write` overlaps `other` and may not: it is no output in the place of an operand that is read element by element.
bool clashes(const Op &op, const Operand &write, const Operand &other);
// Throws an Error (INCACHE_BAD_ARGUMENT) where buffers that are one memory are used so that the plan would mean something
// else. owner: of each buffer the first that is bound to the same memory.
void requireDistinct(const Plan &plan, const std::vector<size_t> &owner);

// Multiply-accumulates of matrix products, and bytes when every operand moves once (src/plan/cost.ts).
double planMacs(const Plan &plan);
double planBytes(const Plan &plan);

// Of plans, in the order of incache_type.
constexpr const char *kTypeNames[] = {"f32", "i32", "bf16", "f16", "e4m3"};
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
