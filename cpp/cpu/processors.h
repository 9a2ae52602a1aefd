// How many processors this process may use. src/backend/machineLimits.ts is the counterpart in TypeScript.
#pragma once
#include <cstdint>
#include <string>

namespace incache {

// The number of processors that the process may run on, or the quota of its control groups and their parents (Linux, versions 1
// and 2), rounded up, whichever is smaller; at least 1. System files are read below `root`.
int64_t usableProcessors(const std::string &root = "");

// The quota alone, in processors; infinity where there is none.
double processorQuota(const std::string &root);

}  // namespace incache
