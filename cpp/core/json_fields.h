// Reads fields of JSON objects and checks their types; `what` is the object's name in errors.
#pragma once
#include <cstdint>

#include "json.h"

namespace incache::fields {

// All throw an Error (INCACHE_BAD_PLAN) that names the field.
[[noreturn]] void fail(const std::string &problem);
// Refuses an object that has unknown fields. owner: what the error says does not have the field.
void only(const Json &object, const std::vector<const char *> &known, const std::string &what, const char *owner);
const Json &any(const Json &object, const char *name, const std::string &what);
const std::string &text(const Json &object, const char *name, const std::string &what);
double real(const Json &object, const char *name, const std::string &what);
// A whole number from 0 to 2^30: exact in a double, and the product of two does not overflow.
int64_t whole(const Json &object, const char *name, const std::string &what);
bool boolean(const Json &object, const char *name, const std::string &what);
const std::vector<Json> &list(const Json &object, const char *name, const std::string &what);

}  // namespace incache::fields
