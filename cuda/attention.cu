// out = softmax(scale q k^T + bias + keyBias) v, for each image and head.
#include "attention/exact.cuh"
#include "attention/tensorCores.cuh"
#include "attentionHopper.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int64_t kWidestHead = 256;

bool copied(const BoundOp &b) {
  const int64_t width = headWidthOf(b);
  return inPieces(b.q, width) && inPieces(b.k, width) && inPieces(b.v, width);
}

template <class Shape, bool Copied, bool Biased = false>
void launchShape(const BoundOp &b, const LaunchContext &context) {
  const AttentionArguments a = attentionArguments(b, Shape::kQueries);
  launch(attendOnTensorCores<Shape, Copied, Biased>, dim3(static_cast<unsigned>(attentionBlocks(b, Shape::kQueries))), dim3(kAttentionThreads),
         Shape::kSharedBytes, context, a);
}

// Large: 32 queries a warp instead of 16, so that each fragment of keys and values is read for twice as many. Worth it once
// every multiprocessor has its share of such blocks. Biases leave no registers for that.
template <class Large, class Small, class Biased = Small>
void launchShapes(const BoundOp &b, const LaunchContext &context) {
  if (isBiased(b))
    copied(b) ? launchShape<Biased, true, true>(b, context) : launchShape<Biased, false, true>(b, context);
  else if (!copied(b))
    launchShape<Small, false>(b, context);
  else if (attentionBlocks(b, Large::kQueries) >= int64_t{Large::kBlocks} * context.chip.multiprocessors)
    launchShape<Large, true>(b, context);
  else
    launchShape<Small, true>(b, context);
}

void launchOnTensorCores(const BoundOp &b, const LaunchContext &context) {
  const int64_t width = headWidthOf(b);
  if (width <= 64) return launchShapes<AttentionShape<64, 2, 64, 2>, AttentionShape<64, 1, 64, 3>>(b, context);
  if (width <= 72) return launchShapes<AttentionShape<72, 2, 64, 2>, AttentionShape<72, 1, 64, 3>>(b, context);
  if (width <= 96) return launchShapes<AttentionShape<96, 2, 32, 2>, AttentionShape<96, 1, 64, 3>, AttentionShape<96, 1, 64, 2>>(b, context);
  if (width <= 128) return launchShapes<AttentionShape<128, 2, 32, 2>, AttentionShape<128, 1, 64, 2>>(b, context);
  launchShapes<AttentionShape<kWidestHead, 1, 32, 2>, AttentionShape<kWidestHead, 1, 32, 2>>(b, context);
}

void launchExactly(const BoundOp &b, const LaunchContext &context) {
  const dim3 grid(static_cast<unsigned>(attentionBlocks(b, ExactAttention::kTile)), static_cast<unsigned>(divideUp(headWidthOf(b), ExactAttention::kColumns)));
  launch(isBiased(b) ? attendExactly<true> : attendExactly<false>, grid, dim3(ExactAttention::kThreads), ExactAttention::kSharedBytes, context, attentionArguments(b, ExactAttention::kTile));
}

void launchAttention(const BoundOp &b, const LaunchContext &context) {
  if (launchAttentionHopper(b, context)) return;
  if (b.q.type == kHalfType && headWidthOf(b) <= kWidestHead)
    launchOnTensorCores(b, context);
  else
    launchExactly(b, context);
}

}  // namespace

const CudaKernel kAttention = {noScratch, launchAttention};

}  // namespace incache::cuda::INCACHE_STORAGE
