// A plan from the structures of the C interface.
#include <algorithm>

#include "error.h"
#include "plan.h"
#include "plan_create.h"

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

struct Source {
  View Op::*to;
  incache_view incache_op::*from;
};
constexpr Source kViews[] = {
    {&Op::x, &incache_op::x},
    {&Op::y, &incache_op::y},
    {&Op::weight, &incache_op::weight},
    {&Op::bias, &incache_op::bias},
    {&Op::store, &incache_op::store},
    {&Op::gate, &incache_op::gate},
    {&Op::residual, &incache_op::residual},
    {&Op::cachedInput, &incache_op::cached_input},
    {&Op::cachedHidden, &incache_op::cached_hidden},
    {&Op::cachedPreActivation, &incache_op::cached_pre_activation},
    {&Op::cachedOutput, &incache_op::cached_output},
    {&Op::q, &incache_op::q},
    {&Op::k, &incache_op::k},
    {&Op::v, &incache_op::v},
    {&Op::keyLengths, &incache_op::key_lengths},
    {&Op::shift, &incache_op::shift},
    {&Op::scale, &incache_op::scale},
    {&Op::table, &incache_op::table},
    {&Op::index, &incache_op::index},
    {&Op::previous, &incache_op::previous},
    {&Op::out, &incache_op::out},
};

constexpr int64_t Op::*kCounts[] = {&Op::heads, &Op::queryLength, &Op::keyLength, &Op::channels, &Op::height, &Op::width, &Op::patch, &Op::norm};
constexpr double Op::*kReals[] = {&Op::attentionScale, &Op::epsilon, &Op::maxPeriod};

// Whether a number is set that is none of the fields.
template <class T, size_t N>
bool hasOther(const Op &op, T Op::*const (&all)[N], const std::vector<OpFields::Field<T>> &fields) {
  for (T Op::*const number : all) {
    const bool known = std::any_of(fields.begin(), fields.end(), [&](const auto &field) { return field.at == number; });
    if (!known && op.*number != 0) return true;
  }
  return false;
}

// A field that the operation does not have would be ignored, and a view that it needs be missed.
void requireFields(const Op &op, const std::string &what) {
  const OpFields &fields = fieldsOf(op.kind);
  size_t expected = 0;
  for (const auto &field : fields.needed) {
    if (!(op.*field.at).given()) throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + "." + field.name + " is missing");
    expected++;
  }
  for (const auto &field : fields.optional) expected += (op.*field.at).given() ? 1 : 0;
  size_t given = 0;
  for (const Source &source : kViews) given += (op.*source.to).given() ? 1 : 0;
  const bool others = (!fields.factors && !op.factors.empty()) || (!fields.terms && !op.terms.empty()) ||
                      (!fields.epilogue && op.epilogue != Epilogue::none) ||
                      hasOther(op, kCounts, fields.counts) || hasOther(op, kReals, fields.reals);
  if (given != expected || others)
    throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " has a field that " + fields.name + " does not");
}

Op operation(const incache_op &given, const std::string &what) {
  if (!given.op) throw Error(INCACHE_BAD_ARGUMENT, what + ".op is null");
  if (given.term_count > 0 && !given.terms) throw Error(INCACHE_BAD_ARGUMENT, what + ".terms is null");
  if (given.factor_count > 0 && !given.factors) throw Error(INCACHE_BAD_ARGUMENT, what + ".factors is null");
  Op op;
  op.kind = opNamed(given.op, what + ".op");
  op.layer = given.layer ? given.layer : "";
  op.epilogue = epilogueNamed(given.epilogue ? given.epilogue : "none", what + ".epilogue");
  for (const Source &source : kViews) op.*source.to = view(given.*source.from, what);
  for (uint64_t i = 0; i < given.factor_count; i++) {
    const FactorPair pair{view(given.factors[i].down, what + ".down"), view(given.factors[i].up, what + ".up")};
    if (!pair.down.given() || !pair.up.given()) throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " has a factor of no rows");
    op.factors.push_back(pair);
  }
  for (uint64_t i = 0; i < given.term_count; i++) {
    const Term term{view(given.terms[i].x, what + ".terms"), given.terms[i].coefficient};
    if (!term.x.given()) throw Error(INCACHE_BAD_PLAN, "not a plan: " + what + " has a term of no rows");
    op.terms.push_back(term);
  }
  op.attentionScale = given.attention_scale;
  op.epsilon = given.epsilon;
  op.maxPeriod = given.max_period;
  op.heads = bounded(given.heads, what + ".heads");
  op.queryLength = bounded(given.query_length, what + ".query_length");
  op.keyLength = bounded(given.key_length, what + ".key_length");
  op.channels = bounded(given.channels, what + ".channels");
  op.height = bounded(given.height, what + ".height");
  op.width = bounded(given.width, what + ".width");
  op.patch = bounded(given.patch, what + ".patch");
  op.norm = bounded(given.norm, what + ".norm");
  requireFields(op, what);
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
