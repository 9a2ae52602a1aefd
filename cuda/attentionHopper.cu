// One block a multiprocessor, which takes tile after tile of queries.
#include "attentionHopper.h"

#include "attention/hopper.cuh"
#include "common/tensorMap.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int64_t kWidestHead = 128;
// Whether a warpgroup has the registers for two tiles of heads so wide. Of 64 ptxas 13.0 spills one, of more than 72 there are too few.
constexpr bool hasTwo(int64_t width) { return width > 64 && width <= 72; }

bool encodeHeads(const Matrix &m, const BoundOp &b, CUtensorMap &map) {
  const int64_t width = headWidthOf(b);
  return inPieces(m, width) && encodeHeadMap({m.at, m.rows, b.op->heads, width, m.stride, kAttentionBoxRows, kBoxColumns}, map);
}

template <int Width, int RowTiles>
bool launchShape(const BoundOp &b, const LaunchContext &context) {
  using Shape = AttentionHopperShape<Width, RowTiles>;
  AttentionHopperArguments a{};
  if (!encodeHeads(b.q, b, a.q) || !encodeHeads(b.k, b, a.k) || !encodeHeads(b.v, b, a.v)) return false;
  a.a = attentionArguments(b, Shape::kQueries);
  const int64_t tiles = attentionBlocks(b, Shape::kQueries);
  a.tiles = static_cast<unsigned>(tiles);
  const int64_t blocks = std::min<int64_t>(tiles, context.chip.multiprocessors);
  launch(attendOnHopper<Shape>, dim3(static_cast<unsigned>(blocks)), dim3(kAttentionHopperThreads), ringBytes(Shape::kStageBytes), context, a);
  return true;
}

template <int Width>
bool launchWidth(const BoundOp &b, const LaunchContext &context, int rowTiles) {
  if constexpr (hasTwo(Width))
    if (rowTiles == 2) return launchShape<Width, 2>(b, context);
  return launchShape<Width, 1>(b, context);
}

// How many times 64 queries a warpgroup takes at once: 2 or 1; 0 where so few heads (of all images) and queries leave multiprocessors
// without a block, and the kernel of every chip has smaller ones.
int chooseAttentionRowTiles(int64_t queries, int64_t heads, int64_t width, int multiprocessors) {
  const auto tiles = [&](int rowTiles) { return divideUp(queries, 128 * rowTiles) * heads; };
  if (tiles(1) < multiprocessors * 3 / 4) return 0;
  // Turns of the multiprocessor that has most of them; a turn takes its queries, and as long as 32 more would to begin and end.
  const auto time = [&](int rowTiles) { return divideUp(tiles(rowTiles), multiprocessors) * (128 * rowTiles + 32); };
  return hasTwo(width) && time(2) <= time(1) ? 2 : 1;
}

}  // namespace

bool launchAttentionHopper(const BoundOp &b, const LaunchContext &context) {
  constexpr int64_t kMost = int64_t{1} << 30;
  // Instructions of sm_90a exist on no other chip, not on later ones either.
  if (context.chip.computeCapability != 90 || context.chip.sharedBytes < kHopperShared || !context.chip.unproven.attention || isBiased(b)) return false;
  const int64_t width = headWidthOf(b);
  if (width > kWidestHead || b.q.rows > kMost || b.k.rows > kMost) return false;
  const int rowTiles =
      chooseAttentionRowTiles(b.op->queryLength, b.op->heads * (b.q.rows / b.op->queryLength), width, context.chip.multiprocessors);
  if (rowTiles == 0) return false;
  if (width <= 64) return launchWidth<64>(b, context, rowTiles);
  if (width <= 72) return launchWidth<72>(b, context, rowTiles);
  if (width <= 80) return launchWidth<80>(b, context, rowTiles);
  if (width <= 96) return launchWidth<96>(b, context, rowTiles);
  return launchWidth<128>(b, context, rowTiles);
}

}  // namespace incache::cuda::INCACHE_STORAGE
