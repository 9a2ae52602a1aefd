// out = epilogue(x W^T + bias). Which kernel: by the type of the weight, how x lies in memory, and the shape.
#include "linear/exact.cuh"
#include "linear/tensorCores.cuh"
#include "linearHopper.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

template <class Shape>
void launchTiles(const BoundOp &b, const LaunchContext &context) {
  const LinearArguments arguments{operandOf(b.x), allowsFours(b.x), tileProductOf<Shape>(b, b.x.rows)};
  launch(copiesWhole(b.x) ? multiplyTile<Shape, false> : multiplyTile<Shape, true>, dim3(static_cast<unsigned>(arguments.product.grid.count())),
         dim3(Shape::kThreads), Shape::kSharedBytes, context, arguments);
}

void launchOnTensorCores(const BoundOp &b, const LaunchContext &context) {
  withTileShape(chooseTile(b.x.rows, b.weight.rows, context.chip.multiprocessors),
                [&](auto shape) { launchTiles<decltype(shape)>(b, context); });
}

void launchExactly(const BoundOp &b, const LaunchContext &context) {
  const TileGrid grid = gridOf(b.x.rows, b.weight.rows, kSimtTile, kSimtTile);
  const ExactArguments arguments{operandOf(b.x), operandOf(b.weight), allowsFours(b.x), b.x.rows, b.weight.rows, b.weight.depth, grid,
                                 tileEpilogueOf(b)};
  launch(multiplyExactly, dim3(static_cast<unsigned>(grid.count())), dim3(kSimtThreads), kExactShared, context, arguments);
}

void launchLinear(const BoundOp &b, const LaunchContext &context) {
  if (b.weight.type != kHalfType) return launchExactly(b, context);
  if (context.chip.computeCapability == 90 && launchLinearHopper(b, context)) return;
  launchOnTensorCores(b, context);
}

}  // namespace

const CudaKernel kLinear = {noScratch, launchLinear};

}  // namespace incache::cuda::INCACHE_STORAGE
