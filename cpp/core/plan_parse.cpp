// From JSON to a plan (src/plan/file.ts): unknown fields and missing ones are refused.
#include "json_fields.h"
#include "plan_schema.h"

namespace incache {
namespace {

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
  fields::only(json, {"name", "role", "type", "rows", "columns"}, what, "a buffer");
  PlanBuffer result;
  result.name = fields::text(json, "name", what);
  result.role = static_cast<incache_role>(oneOf(fields::text(json, "role", what), kRoleNames, what + ".role"));
  result.type = static_cast<incache_type>(oneOf(fields::text(json, "type", what), kTypeNames, what + ".type"));
  result.rows = fields::whole(json, "rows", what);
  result.columns = fields::whole(json, "columns", what);
  return result;
}

View view(const Json &json, const char *name, const std::string &object) {
  const std::string what = object + "." + name;
  const Json &value = fields::any(json, name, object);
  fields::only(value, {"buffer", "row", "rows", "column", "columns", "batches", "batchStride"}, what, "a view");
  View result;
  result.buffer = fields::whole(value, "buffer", what);
  result.row = fields::whole(value, "row", what);
  result.rows = fields::whole(value, "rows", what);
  result.column = fields::whole(value, "column", what);
  result.columns = fields::whole(value, "columns", what);
  if (value.find("batches")) result.batches = fields::whole(value, "batches", what);
  if (value.find("batchStride")) result.batchStride = fields::whole(value, "batchStride", what);
  return result;
}

void fieldsFrom(const std::vector<Field> &known, const Json &json, const std::string &what, Op &op, size_t item);

void fieldFrom(const Field &field, const Json &json, const std::string &what, Op &op, size_t item) {
  switch (field.kind) {
    case Field::Kind::read:
    case Field::Kind::write:
      field.view(op, item) = view(json, field.name, what);
      return;
    case Field::Kind::count:
      field.count(op, item) = fields::whole(json, field.name, what);
      return;
    case Field::Kind::real:
      field.real(op, item) = fields::real(json, field.name, what);
      return;
    case Field::Kind::choice:
      if (field.names.empty()) field.count(op, item) = fields::whole(json, field.name, what);
      else choose(field, fields::text(json, field.name, what), what, op, item);
      return;
    case Field::Kind::list: {
      const std::vector<Json> &list = fields::list(json, field.name, what);
      field.resize(op, list.size());
      for (size_t i = 0; i < list.size(); i++)
        fieldsFrom(field.item(i), list[i], what + "." + field.name + "[" + std::to_string(i) + "]", op, i);
    }
  }
}

void fieldsFrom(const std::vector<Field> &known, const Json &json, const std::string &what, Op &op, size_t item) {
  std::vector<const char *> names{"op"};
  for (const Field &field : known) names.push_back(field.name);
  fields::only(json, names, what, nameOf(op.kind));
  for (const Field &field : known)
    if (!field.rules.optional || json.find(field.name)) fieldFrom(field, json, what, op, item);
}

Op operation(const Json &json, const std::string &what) {
  Op op;
  const OpSchema &schema = requireSchema(fields::text(json, "op", what), what, op.kind);
  fieldsFrom(schema.fields, json, what, op, 0);
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
    fields::only(value, {"layer", "op"}, step, "an operation");
    const std::string &layer = fields::text(value, "layer", step);
    Op op = operation(fields::any(value, "op", step), step);
    op.layer = layer;
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
