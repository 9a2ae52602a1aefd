// One 16-bit number of either type, INCACHE_BF16 or INCACHE_F16, at a time.
#pragma once
#include "../include/incache.h"
#include "bf16.h"
#include "f16.h"

namespace incache {

static inline float widenHalf(uint16_t half, incache_type type) { return type == INCACHE_F16 ? widenF16(half) : widenOne(half); }
static inline uint16_t narrowHalf(float value, incache_type type) { return type == INCACHE_F16 ? narrowF16(value) : narrowOne(value); }

}  // namespace incache
