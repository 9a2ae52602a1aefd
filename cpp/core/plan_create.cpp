// A plan from the structures of the C interface.
#include "error.h"
#include "plan_create.h"
#include "plan_schema.h"

namespace incache {
namespace {

constexpr uint64_t kLargest = 1 << 30;

int64_t bounded(uint64_t value, const std::string &what) {
  if (value > kLargest)
    throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " is " + std::to_string(value) + "; expected at most 2^30");
  return static_cast<int64_t>(value);
}

View view(const incache_view &given, const std::string &what) {
  if (given.rows == 0) return {};
  return {bounded(given.buffer, what + ".buffer"), bounded(given.row, what + ".row"), bounded(given.rows, what + ".rows"),
          bounded(given.column, what + ".column"), bounded(given.columns, what + ".columns")};
}

// What the members of incache_op are called in the schema. `at` gives the member, for one of a list that of its item.
struct Member {
  const char *name;
  incache_view incache_op::*at;
};
constexpr Member kViews[] = {
    {"x", &incache_op::x},
    {"y", &incache_op::y},
    {"weight", &incache_op::weight},
    {"bias", &incache_op::bias},
    {"store", &incache_op::store},
    {"gate", &incache_op::gate},
    {"residual", &incache_op::residual},
    {"cachedInput", &incache_op::cached_input},
    {"cachedHidden", &incache_op::cached_hidden},
    {"cachedPreActivation", &incache_op::cached_pre_activation},
    {"cachedOutput", &incache_op::cached_output},
    {"q", &incache_op::q},
    {"k", &incache_op::k},
    {"v", &incache_op::v},
    {"keyLengths", &incache_op::key_lengths},
    {"shift", &incache_op::shift},
    {"scale", &incache_op::scale},
    {"table", &incache_op::table},
    {"index", &incache_op::index},
    {"previous", &incache_op::previous},
    {"out", &incache_op::out},
};
struct Count {
  const char *name;
  uint64_t incache_op::*at;
};
constexpr Count kCounts[] = {
    {"heads", &incache_op::heads},       {"queryLength", &incache_op::query_length}, {"keyLength", &incache_op::key_length},
    {"channels", &incache_op::channels}, {"height", &incache_op::height},            {"width", &incache_op::width},
    {"patch", &incache_op::patch},       {"norm", &incache_op::norm},
};
struct Real {
  const char *name;
  double incache_op::*at;
};
constexpr Real kReals[] = {
    {"scale", &incache_op::attention_scale}, {"epsilon", &incache_op::epsilon}, {"maxPeriod", &incache_op::max_period}};

// The field of this name, if the operation has one that is told by such a member; what it has not must not be given.
template <class Fits>
const Field *fieldNamed(const OpSchema &schema, const char *name, Fits fits, bool given, const std::string &what) {
  for (const Field &field : schema.fields)
    if (std::string(name) == field.name && fits(field)) return &field;
  if (given) throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + "." + name + " is a field that " + schema.name + " does not have");
  return nullptr;
}

void takeLists(const incache_op &given, const std::string &what, const OpSchema &schema, Op &op) {
  const auto isList = [](const Field &field) { return field.kind == Field::Kind::list; };
  if (fieldNamed(schema, "factors", isList, given.factor_count > 0, what))
    for (uint64_t i = 0; i < given.factor_count; i++) {
      op.factors.push_back({view(given.factors[i].down, what + ".down"), view(given.factors[i].up, what + ".up")});
      if (!op.factors.back().down.given() || !op.factors.back().up.given())
        throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " has a factor of no rows");
    }
  if (fieldNamed(schema, "terms", isList, given.term_count > 0, what))
    for (uint64_t i = 0; i < given.term_count; i++) {
      op.terms.push_back({view(given.terms[i].x, what + ".terms"), given.terms[i].coefficient});
      if (!op.terms.back().x.given()) throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " has a term of no rows");
    }
}

Op operation(const incache_op &given, const std::string &what) {
  if (!given.op) throw Error(INCACHE_BAD_ARGUMENT, what + ".op is null");
  if (given.term_count > 0 && !given.terms) throw Error(INCACHE_BAD_ARGUMENT, what + ".terms is null");
  if (given.factor_count > 0 && !given.factors) throw Error(INCACHE_BAD_ARGUMENT, what + ".factors is null");
  Op op;
  const OpSchema &schema = requireSchema(given.op, what, op.kind);
  op.layer = given.layer ? given.layer : "";
  for (const auto &[name, at] : kViews)
    if (const Field *field = fieldNamed(schema, name, [](const Field &f) { return f.isOperand(); }, (given.*at).rows != 0, what))
      field->view(op, 0) = view(given.*at, what + "." + name);
  for (const auto &[name, at] : kCounts)
    if (const Field *field = fieldNamed(schema, name, [](const Field &f) { return f.count != nullptr; }, given.*at != 0, what))
      field->count(op, 0) = bounded(given.*at, what + "." + name);
  for (const auto &[name, at] : kReals)
    if (const Field *field = fieldNamed(schema, name, [](const Field &f) { return f.real != nullptr; }, given.*at != 0, what))
      field->real(op, 0) = given.*at;
  const std::string epilogue = given.epilogue ? given.epilogue : "none";
  if (const Field *field = fieldNamed(schema, "epilogue", [](const Field &f) { return !f.names.empty(); }, epilogue != "none", what))
    choose(*field, epilogue, what, op, 0);
  takeLists(given, what, schema, op);
  return op;
}

}  // namespace

Plan createPlan(const char *name, const incache_buffer_info *buffers, uint64_t bufferCount, const incache_op *ops, uint64_t opCount) {
  Plan plan;
  plan.name = name ? name : "";
  for (uint64_t i = 0; i < bufferCount; i++) {
    const std::string what = "buffers[" + std::to_string(i) + "]";
    if (!buffers[i].name) throw Error(INCACHE_BAD_ARGUMENT, what + ".name is null");
    // A caller in C may have put any number there, a negative one too.
    if (static_cast<uint32_t>(buffers[i].role) > INCACHE_TEMPORARY || static_cast<uint32_t>(buffers[i].type) > INCACHE_E4M3)
      throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " has an unknown role or type");
    plan.buffers.push_back({buffers[i].name, buffers[i].role, buffers[i].type, bounded(buffers[i].rows, what + ".rows"),
                            bounded(buffers[i].columns, what + ".columns")});
  }
  for (uint64_t i = 0; i < opCount; i++) plan.ops.push_back(operation(ops[i], "ops[" + std::to_string(i) + "]"));
  validatePlan(plan);
  return plan;
}

}  // namespace incache
