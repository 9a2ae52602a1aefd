// From JSON to a plan (src/plan/file.ts): unknown fields and missing ones are refused.
#include "json_fields.h"
#include "plan.h"

namespace incache {
namespace {

constexpr const char *kRoles[] = {"weight", "input", "output", "state", "temporary"};

template <size_t N>
int oneOf(const std::string &value, const char *const (&choices)[N], const std::string &what) {
  std::string expected;
  for (size_t i = 0; i < N; i++) {
    if (value == choices[i]) return static_cast<int>(i);
    expected += (i ? ", " : "") + std::string(choices[i]);
  }
  fields::fail(what + " is '" + value + "'; expected one of " + expected);
}

PlanBuffer buffer(const Json &json, const std::string &what) {
  PlanBuffer result;
  result.name = fields::text(json, "name", what);
  result.role = static_cast<incache_role>(oneOf(fields::text(json, "role", what), kRoles, what + ".role"));
  result.type = static_cast<incache_type>(oneOf(fields::text(json, "type", what), kTypeNames, what + ".type"));
  result.rows = fields::whole(json, "rows", what);
  result.columns = fields::whole(json, "columns", what);
  return result;
}

View view(const Json &json, const char *name, const std::string &object) {
  const std::string what = object + "." + name;
  const Json &value = fields::any(json, name, object);
  View result;
  result.buffer = fields::whole(value, "buffer", what);
  result.row = fields::whole(value, "row", what);
  result.rows = fields::whole(value, "rows", what);
  result.column = fields::whole(value, "column", what);
  result.columns = fields::whole(value, "columns", what);
  return result;
}

Op operation(const Json &json, const std::string &what) {
  Op op;
  op.kind = opNamed(fields::text(json, "op", what), what + ".op");
  const OpFields &known = fieldsOf(op.kind);
  // Counts what was read, to notice fields that the operation does not have.
  size_t taken = 1;
  for (const auto &field : known.needed) op.*field.at = view(json, field.name, what), taken++;
  for (const auto &field : known.optional)
    if (json.find(field.name)) op.*field.at = view(json, field.name, what), taken++;
  for (const auto &field : known.counts) op.*field.at = fields::whole(json, field.name, what), taken++;
  for (const auto &field : known.reals) op.*field.at = fields::real(json, field.name, what), taken++;
  if (known.epilogue) op.epilogue = epilogueNamed(fields::text(json, "epilogue", what), what + ".epilogue"), taken++;
  if (known.factors) {
    for (const Json &pair : fields::list(json, "factors", what)) {
      const std::string name = what + ".factors[" + std::to_string(op.factors.size()) + "]";
      op.factors.push_back({view(pair, "down", name), view(pair, "up", name)});
    }
    taken++;
  }
  if (known.terms) {
    for (const Json &term : fields::list(json, "terms", what)) {
      const std::string name = what + ".terms[" + std::to_string(op.terms.size()) + "]";
      op.terms.push_back({view(term, "x", name), fields::real(term, "coefficient", name)});
    }
    taken++;
  }
  if (json.members.size() != taken) fields::fail(what + " has a field that " + nameOf(op.kind) + " does not");
  return op;
}

}  // namespace

Plan planFrom(const Json &json, const std::string &what) {
  Plan plan;
  plan.name = fields::text(json, "name", what);
  for (const Json &value : fields::list(json, "buffers", what))
    plan.buffers.push_back(buffer(value, "buffers[" + std::to_string(plan.buffers.size()) + "]"));
  for (const Json &value : fields::list(json, "ops", what)) {
    const std::string step = "ops[" + std::to_string(plan.ops.size()) + "]";
    Op op = operation(fields::any(value, "op", step), step);
    op.layer = fields::text(value, "layer", step);
    plan.ops.push_back(std::move(op));
  }
  validatePlan(plan);
  return plan;
}

Plan parsePlan(const char *bytes, size_t length) {
  const Json file = parseJson(bytes, length);
  const std::string what = "the file";
  if (fields::text(file, "format", what) != "incache-plan") fields::fail("format is not 'incache-plan'");
  const int64_t version = fields::whole(file, "version", what);
  if (version != 1) fields::fail("it is of version " + std::to_string(version) + "; this library reads version 1");
  return planFrom(file, what);
}

}  // namespace incache
