#include "json_fields.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace incache::fields {
namespace {

constexpr double kLargest = 1 << 30;

const Json &typed(const Json &object, const char *name, const std::string &what, Json::Kind kind, const char *expected) {
  const Json &value = any(object, name, what);
  if (value.kind != kind) fail(what + "." + name + " is not " + expected);
  return value;
}

}  // namespace

void fail(const std::string &problem) { throw Error(INCACHE_BAD_PLAN, "not a plan: " + problem); }

void only(const Json &object, const std::vector<const char *> &known, const std::string &what, const char *owner) {
  if (object.kind != Json::Kind::object) fail(what + " is not an object");
  for (const auto &[name, value] : object.members)
    if (std::find(known.begin(), known.end(), name) == known.end()) fail(what + "." + name + " is a field that " + owner + " does not have");
}

const Json &any(const Json &object, const char *name, const std::string &what) {
  if (object.kind != Json::Kind::object) fail(what + " is not an object");
  const Json *value = object.find(name);
  if (!value) fail(what + "." + name + " is missing");
  return *value;
}

const std::string &text(const Json &object, const char *name, const std::string &what) {
  return typed(object, name, what, Json::Kind::string, "a string").string;
}

double real(const Json &object, const char *name, const std::string &what) {
  return typed(object, name, what, Json::Kind::number, "a number").number;
}

int64_t whole(const Json &object, const char *name, const std::string &what) {
  const double value = real(object, name, what);
  if (value != std::floor(value) || value < 0 || value > kLargest)
    fail(what + "." + name + " is " + numberText(value) + "; expected an integer from 0 to 2^30");
  return static_cast<int64_t>(value);
}

bool boolean(const Json &object, const char *name, const std::string &what) {
  return typed(object, name, what, Json::Kind::boolean, "true or false").boolean;
}

const std::vector<Json> &list(const Json &object, const char *name, const std::string &what) {
  return typed(object, name, what, Json::Kind::list, "a list").list;
}

}  // namespace incache::fields
