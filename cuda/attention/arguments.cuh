// What both kernels of attention are given, and which part of it belongs to a block.
#pragma once
#include <cmath>

#include "../common/values.cuh"
#include "softmax.h"

namespace incache::cuda::INCACHE_STORAGE {

struct AttentionArguments {
  Operand q, k, v, out;
  const int32_t *keyLengths;
  int64_t keyLengthsStride, queryLength, keyLength;
  unsigned heads, queryTiles;  // queryTiles: of an image
  int width;                   // of a head
  float rate;                  // of exponents of two: scale log2(e), or log2(e) where scores are biased
  Operand bias, keyBias;
  float scale;  // of scores that are biased
  bool causal;
  bool outInPieces;            // 16 bytes at a time can be written
};

// The queries of a block: `rows` of them from `firstQuery` on, of one head of one image, and its keys.
struct AttentionPlace {
  // `query`: the place of the first query in its image.
  int64_t image, column, query, firstQuery, firstKey;
  int head, rows, keys;

  __device__ __forceinline__ AttentionPlace(const AttentionArguments &a, unsigned block, int queries) {
    const unsigned tile = block % a.queryTiles, headOfAll = block / a.queryTiles;
    image = headOfAll / a.heads;
    head = static_cast<int>(headOfAll % a.heads);
    column = static_cast<int64_t>(head) * a.width;
    query = static_cast<int64_t>(tile) * queries;
    firstQuery = image * a.queryLength + query;
    firstKey = image * a.keyLength;
    rows = static_cast<int>(min(a.queryLength - query, static_cast<int64_t>(queries)));
    // Held to what is there: a wrong length must not read another image's keys.
    const int64_t length = a.keyLengths ? a.keyLengths[image * a.keyLengthsStride] : a.keyLength;
    const int64_t seen = a.causal ? min(a.keyLength, query + rows) : a.keyLength;
    keys = static_cast<int>(max(int64_t{1}, min(length, seen)));
  }

  // What the softmax is of, for a query and a key of the block where scores are biased; -inf of a key that the query does not attend to.
  __device__ __forceinline__ float biased(const AttentionArguments &a, float score, int row, int key) const {
    if (row >= rows || key >= keys || (a.causal && key > query + row)) return -INFINITY;
    score *= a.scale;
    if (a.bias.at) score += a.bias.read(head * a.queryLength + query + row, key);
    if (a.keyBias.at) score += a.keyBias.read(image, key);
    return score;
  }
};

// ---- On the host ---------------------------------------------------------------------------------------------------------

inline int64_t headWidthOf(const BoundOp &b) { return b.q.columns / b.op->heads; }

// Whether every head's rows are whole pieces of 16 bytes, at multiples of 16.
inline bool inPieces(const Matrix &m, int64_t width) {
  return m.type == kHalfType && m.stride % kPieceElements == 0 && width % kPieceElements == 0 &&
         reinterpret_cast<uintptr_t>(m.at) % kPieceBytes == 0;
}

// Tiles of queries, heads and images in one dimension, the only one of a grid that is large enough for any of them. Blocks
// that run together then share keys and values.
inline int64_t attentionBlocks(const BoundOp &b, int queries) {
  return divideUp(b.op->queryLength, queries) * b.op->heads * (b.q.rows / b.op->queryLength);
}

inline bool isBiased(const BoundOp &b) { return b.bias.at || b.keyBias.at || b.op->mask == Mask::causal; }

inline AttentionArguments attentionArguments(const BoundOp &b, int queries) {
  constexpr double kLog2E = 1.4426950408889634;
  AttentionArguments a{};
  a.q = operandOf(b.q), a.k = operandOf(b.k), a.v = operandOf(b.v), a.out = operandOf(b.out);
  a.keyLengths = static_cast<const int32_t *>(b.keyLengths.at);
  a.keyLengthsStride = b.keyLengths.stride;
  a.queryLength = b.op->queryLength, a.keyLength = b.op->keyLength;
  a.heads = static_cast<unsigned>(b.op->heads);
  a.queryTiles = static_cast<unsigned>(divideUp(b.op->queryLength, queries));
  a.width = static_cast<int>(headWidthOf(b));
  a.rate = static_cast<float>((isBiased(b) ? 1 : b.op->attentionScale) * kLog2E);
  a.bias = operandOf(b.bias), a.keyBias = operandOf(b.keyBias);
  a.scale = static_cast<float>(b.op->attentionScale);
  a.causal = b.op->mask == Mask::causal;
  a.outInPieces = inPieces(b.out, a.width);
  return a;
}

}  // namespace incache::cuda::INCACHE_STORAGE
