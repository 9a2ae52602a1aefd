// Softmax over keys that come block by block. Pure functions, for kernels and for tests without a GPU.
//
// A row keeps sums of 2^(rate score - shift), where `shift` is the largest rate score so far and rate = scale log2(e). When a
// block brings a larger one, all sums of the row are multiplied by 2^(old shift - new shift). What is kept is the product, not
// the score, so that this power is exactly 1 while the largest stays.
#pragma once
#include <cfloat>

#include "../common/swizzle.h"

namespace incache::cuda {

struct OnlineRow {
  // Finite, so that a block of nothing but -inf (padding) changes nothing.
  float shift = -FLT_MAX;
  float total = 0;

  // A block joins whose largest score is `largest`: the exponent by which the row's sums, `total` among them, shrink.
  INCACHE_HOST_DEVICE float join(float largest, float rate) {
    const float before = shift, scaled = largest * rate;
    shift = scaled > before ? scaled : before;
    return before - shift;
  }
  // The exponent of a score of a block that has joined: at most 0, but for rounding.
  INCACHE_HOST_DEVICE float exponentOf(float score, float rate) const { return score * rate - shift; }
};

}  // namespace incache::cuda
