// Fields of JSON objects with their types checked; `what` is how errors call the object.
#pragma once
#include <cstdint>

#include "json.h"

namespace incache::fields {

// All throw an Error (INCACHE_BAD_PLAN) that names the field.
[[noreturn]] void fail(const std::string &problem);
// Refuses an object that has other fields than those known. owner: of whom the error says that it does not have them.
void only(const Json &object, const std::vector<const char *> &known, const std::string &what, const char *owner);
const Json &any(const Json &object, const char *name, const std::string &what);
const std::string &text(const Json &object, const char *name, const std::string &what);
double real(const Json &object, const char *name, const std::string &what);
// From 0 to 2^30: exact in a double, and far from where a product of two overflows.
int64_t whole(const Json &object, const char *name, const std::string &what);
bool boolean(const Json &object, const char *name, const std::string &what);
const std::vector<Json> &list(const Json &object, const char *name, const std::string &what);

}  // namespace incache::fields
