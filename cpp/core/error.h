// The exceptions of the library: a status and a sentence. They are caught at the C interface.
#pragma once
#include <cstdio>
#include <stdexcept>
#include <string>

#include "incache.h"

namespace incache {

struct Error : std::runtime_error {
  incache_status status;
  Error(incache_status given, const std::string &text) : std::runtime_error(text), status(given) {}
};

// A number as it is written in sentences.
inline std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

// A device cannot give the requested memory. Carries the numbers of its sentence, for incache_last_memory_error.
struct OutOfMemory : Error {
  std::string device;
  uint64_t asked, inUse;
  // The most that could be in use; 0 if the device does not know.
  uint64_t limit;
  OutOfMemory(std::string name, uint64_t bytes, uint64_t used, uint64_t most)
      : Error(INCACHE_OUT_OF_MEMORY, (name == "cpu" ? "the cpu" : name) + " is out of memory: asked for " + std::to_string(bytes) + " bytes with " +
                                         std::to_string(used) + " in use" + (most > 0 ? " of at most " + std::to_string(most) : std::string())),
        device(std::move(name)),
        asked(bytes),
        inUse(used),
        limit(most) {}
};

}  // namespace incache
