// out = softmax(scale q k^T) v, for each image and head.
#include "attention/exact.cuh"
#include "attention/tensorCores.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr double kLog2E = 1.4426950408889634;
constexpr int64_t kWidestHead = 256;

int64_t widthOf(const BoundOp &b) { return b.q.columns / b.op->heads; }

AttentionArguments argumentsOf(const BoundOp &b, int queries) {
  AttentionArguments a{};
  a.q = operandOf(b.q), a.k = operandOf(b.k), a.v = operandOf(b.v), a.out = operandOf(b.out);
  a.keyLengths = static_cast<const int32_t *>(b.keyLengths.at);
  a.keyLengthsStride = b.keyLengths.stride;
  a.queryLength = b.op->queryLength, a.keyLength = b.op->keyLength;
  a.heads = static_cast<unsigned>(b.op->heads);
  a.queryTiles = static_cast<unsigned>(divideUp(b.op->queryLength, queries));
  a.width = static_cast<int>(widthOf(b));
  a.rate = static_cast<float>(b.op->attentionScale * kLog2E);
  return a;
}

// Tiles of queries, heads and images in one dimension, the only one of a grid that is large enough for any of them. Blocks
// that run together then share keys and values.
int64_t blocksOf(const BoundOp &b, int queries) {
  return divideUp(b.op->queryLength, queries) * b.op->heads * (b.q.rows / b.op->queryLength);
}

// Whether every head's rows are whole pieces of 16 bytes, at multiples of 16.
bool inPieces(const Matrix &m, int64_t width) {
  return m.type == kHalfType && m.stride % kPieceElements == 0 && width % kPieceElements == 0 &&
         reinterpret_cast<uintptr_t>(m.at) % kPieceBytes == 0;
}

bool copied(const BoundOp &b) {
  const int64_t width = widthOf(b);
  return inPieces(b.q, width) && inPieces(b.k, width) && inPieces(b.v, width);
}

template <class Shape, bool Copied>
void launchShape(const BoundOp &b, const LaunchContext &context) {
  AttentionArguments a = argumentsOf(b, Shape::kQueries);
  a.outInPieces = inPieces(b.out, a.width);
  launch(attendOnTensorCores<Shape, Copied>, dim3(static_cast<unsigned>(blocksOf(b, Shape::kQueries))), dim3(kAttentionThreads),
         Shape::kSharedBytes, context, a);
}

// Large: 32 queries a warp instead of 16, so that each fragment of keys and values is read for twice as many. Worth it once
// every multiprocessor has its share of such blocks.
template <class Large, class Small>
void launchShapes(const BoundOp &b, const LaunchContext &context) {
  if (!copied(b))
    launchShape<Small, false>(b, context);
  else if (blocksOf(b, Large::kQueries) >= int64_t{Large::kBlocks} * context.chip.multiprocessors)
    launchShape<Large, true>(b, context);
  else
    launchShape<Small, true>(b, context);
}

void launchOnTensorCores(const BoundOp &b, const LaunchContext &context) {
  const int64_t width = widthOf(b);
  if (width <= 64) return launchShapes<AttentionShape<64, 2, 64, 2>, AttentionShape<64, 1, 64, 3>>(b, context);
  if (width <= 72) return launchShapes<AttentionShape<72, 2, 64, 2>, AttentionShape<72, 1, 64, 3>>(b, context);
  if (width <= 96) return launchShapes<AttentionShape<96, 2, 32, 2>, AttentionShape<96, 1, 64, 3>>(b, context);
  if (width <= 128) return launchShapes<AttentionShape<128, 2, 32, 2>, AttentionShape<128, 1, 64, 2>>(b, context);
  launchShapes<AttentionShape<kWidestHead, 1, 32, 2>, AttentionShape<kWidestHead, 1, 32, 2>>(b, context);
}

void launchExactly(const BoundOp &b, const LaunchContext &context) {
  const dim3 grid(static_cast<unsigned>(blocksOf(b, ExactAttention::kTile)), static_cast<unsigned>(divideUp(widthOf(b), ExactAttention::kColumns)));
  launch(attendExactly, grid, dim3(ExactAttention::kThreads), ExactAttention::kSharedBytes, context, argumentsOf(b, ExactAttention::kTile));
}

void launchAttention(const BoundOp &b, const LaunchContext &context) {
  if (b.q.type == kHalfType && widthOf(b) <= kWidestHead)
    launchOnTensorCores(b, context);
  else
    launchExactly(b, context);
}

}  // namespace

const CudaKernel kAttention = {noScratch, launchAttention};

}  // namespace incache::cuda::INCACHE_STORAGE
