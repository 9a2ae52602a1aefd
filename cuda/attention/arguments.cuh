// What both kernels of attention are given, and which part of it belongs to a block.
#pragma once
#include "../common/values.cuh"
#include "softmax.h"

namespace incache::cuda::INCACHE_STORAGE {

struct AttentionArguments {
  Operand q, k, v, out;
  const int32_t *keyLengths;
  int64_t keyLengthsStride, queryLength, keyLength;
  unsigned heads, queryTiles;  // queryTiles: of an image
  int width;                   // of a head
  float rate;                  // of exponents of two: scale log2(e)
  bool outInPieces;            // 16 bytes at a time can be written
};

// The queries of a block: `rows` of them from `firstQuery` on, of one head of one image, and its keys.
struct AttentionPlace {
  int64_t image, column, firstQuery, firstKey;
  int rows, keys;

  __device__ __forceinline__ AttentionPlace(const AttentionArguments &a, unsigned block, int queries) {
    const unsigned tile = block % a.queryTiles, head = block / a.queryTiles;
    image = head / a.heads;
    column = static_cast<int64_t>(head % a.heads) * a.width;
    const int64_t first = static_cast<int64_t>(tile) * queries;
    firstQuery = image * a.queryLength + first;
    firstKey = image * a.keyLength;
    rows = static_cast<int>(min(a.queryLength - first, static_cast<int64_t>(queries)));
    // Held to what is there: a wrong length must not read another image's keys.
    const int64_t length = a.keyLengths ? a.keyLengths[image * a.keyLengthsStride] : a.keyLength;
    keys = static_cast<int>(max(int64_t{1}, min(length, a.keyLength)));
  }
};

}  // namespace incache::cuda::INCACHE_STORAGE
