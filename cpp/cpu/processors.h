// How many processors this process may use. src/backend/machineLimits.ts is the counterpart in TypeScript.
#pragma once
#include <cstdint>
#include <string>

namespace incache {

// The smaller of the processors that the process may run on and the quota of its control groups (Linux, versions 1 and 2; those of
// parents count too), rounded up; at least 1. The files of the system are looked for below `root`.
int64_t usableProcessors(const std::string &root = "");

// The quota alone, in processors; infinity where there is none.
double processorQuota(const std::string &root);

}  // namespace incache
