// The one exception of the library: a status and a sentence. It is caught at the C interface.
#pragma once
#include <stdexcept>
#include <string>

#include "incache.h"

namespace incache {

struct Error : std::runtime_error {
  incache_status status;
  Error(incache_status given, const std::string &text) : std::runtime_error(text), status(given) {}
};

}  // namespace incache
