#pragma once
#include "plan.h"

namespace incache {

// Throws an Error for anything that is not a valid plan, and for null pointers inside the arguments.
Plan createPlan(const char *name, const incache_buffer_info *buffers, uint64_t bufferCount, const incache_op *ops, uint64_t opCount);

}  // namespace incache
