// Makes a plan from the structures of the C interface. They are turned into the file form first, so that the same code reads and
// refuses both.
#include "plan_create.h"

#include <charconv>

#include "given.h"
#include "json_fields.h"

namespace incache {
namespace {

Json object(Json::Members members) { return Json(std::move(members)); }
Json text(const char *value) { return Json(std::string(value)); }
Json count(uint64_t value) { return Json(static_cast<double>(value)); }

// A caller in C may have put any number there, a negative one too.
template <size_t N, class E>
Json choiceOf(E value, const char *const (&names)[N], const std::string &what) {
  if (static_cast<uint32_t>(value) >= N) fields::fail(what + " is " + std::to_string(static_cast<int>(value)) + ", which is unknown");
  return text(names[static_cast<uint32_t>(value)]);
}

Json bufferOf(const incache_buffer_info &buffer, const std::string &what) {
  requireGiven(what + ".name", buffer.name);
  return object({{"name", text(buffer.name)}, {"role", choiceOf(buffer.role, kRoleNames, what + ".role")},
                 {"type", choiceOf(buffer.type, kTypeNames, what + ".type")}, {"rows", count(buffer.rows)}, {"columns", count(buffer.columns)}});
}

Json viewOf(const incache_operand &operand) {
  Json view = object({{"buffer", count(operand.buffer)}, {"row", count(operand.row)}, {"rows", count(operand.rows)},
                      {"column", count(operand.column)}, {"columns", count(operand.columns)}});
  if (operand.batches) view.members.emplace_back("batches", count(operand.batches));
  if (operand.batch_stride) view.members.emplace_back("batchStride", count(operand.batch_stride));
  return view;
}

Json *memberOf(Json &object, const std::string &name) {
  for (auto &[key, value] : object.members)
    if (key == name) return &value;
  return nullptr;
}

void add(Json &object, const std::string &name, Json value, const std::string &what) {
  if (memberOf(object, name)) fields::fail(what + "." + name + " is given twice");
  object.members.emplace_back(name, std::move(value));
}

// Adds a field by its name. "factors[0].down" is field `down` of item 0 of list `factors`; a list has at most `most` items.
void addField(Json &op, const std::string &name, Json value, const std::string &what, uint64_t most) {
  const size_t open = name.find('['), close = name.find("].");
  if (open == std::string::npos) return add(op, name, std::move(value), what);
  uint64_t place = 0;
  const char *const end = name.data() + std::min(close, name.size());
  const auto [at, error] = std::from_chars(name.data() + open + 1, std::max(end, name.data() + open + 1), place);
  if (close == std::string::npos || at != end || error != std::errc() || place >= most)
    fields::fail(what + "." + name + " is no name of a field; expected one such as x or factors[0].down, with lists that are whole");
  const std::string list = name.substr(0, open);
  if (const Json *known = memberOf(op, list); !known || known->kind != Json::Kind::list) add(op, list, Json(std::vector<Json>()), what);
  std::vector<Json> &items = memberOf(op, list)->list;
  while (items.size() <= place) items.push_back(object({}));
  add(items[place], name.substr(close + 2), std::move(value), what + "." + name.substr(0, close + 1));
}

Json stepOf(const incache_op &given, const std::string &what) {
  requireGiven(what + ".op", given.op);
  const auto operands = taken(given.operands, given.operand_count, what + ".operands");
  const auto attributes = taken(given.attributes, given.attribute_count, what + ".attributes");
  const uint64_t most = operands.size() + attributes.size();
  Json op = object({{"op", text(given.op)}});
  for (const incache_operand &operand : operands) {
    requireGiven(what + ": the name of an operand", operand.name);
    addField(op, operand.name, viewOf(operand), what, most);
  }
  for (const incache_attribute &attribute : attributes) {
    requireGiven(what + ": the name of an attribute", attribute.name);
    addField(op, attribute.name, attribute.text ? text(attribute.text) : Json(attribute.number), what, most);
  }
  return object({{"layer", text(given.layer ? given.layer : "")}, {"op", std::move(op)}});
}

template <class T>
Json listFrom(const T *first, uint64_t count, const std::string &name, Json (*one)(const T &, const std::string &)) {
  std::vector<Json> items;
  for (const T &each : taken(first, count, name)) items.push_back(one(each, name + "[" + std::to_string(items.size()) + "]"));
  return Json(std::move(items));
}

}  // namespace

Plan createPlan(const char *name, const incache_buffer_info *buffers, uint64_t bufferCount, const incache_op *ops, uint64_t opCount) {
  return planFrom(object({{"name", text(name ? name : "")}, {"buffers", listFrom(buffers, bufferCount, "buffers", bufferOf)},
                          {"ops", listFrom(ops, opCount, "ops", stepOf)}}), "the plan");
}

}  // namespace incache
