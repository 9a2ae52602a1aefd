// out = epilogue(x W^T + bias). Which kernel: by the type of the weight, how x lies in memory, and the shape.
#include "linear/exact.cuh"
#include "linear/tensorCores.cuh"
#include "linearHopper.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// Whether x can be copied to shared memory as it is, in pieces of 16 bytes.
bool copiesWhole(const Matrix &x) {
  return x.type == kHalfType && x.stride % kPieceElements == 0 && x.columns % kPieceElements == 0 &&
         reinterpret_cast<uintptr_t>(x.at) % kPieceBytes == 0;
}

template <class Shape>
void launchTiles(const BoundOp &b, const LaunchContext &context) {
  const TileGrid grid = gridOf(b.x.rows, b.weight.rows, Shape::kRows, Shape::kColumns);
  const LinearArguments arguments{operandOf(b.x),
                                  allowsFours(b.x),
                                  reinterpret_cast<const Half *>(b.weight.at),
                                  weightStride(b.weight.depth),
                                  b.x.rows,
                                  b.weight.rows,
                                  b.weight.depth,
                                  grid,
                                  tileEpilogueOf(b)};
  launch(copiesWhole(b.x) ? multiplyTile<Shape, false> : multiplyTile<Shape, true>, dim3(static_cast<unsigned>(grid.count())),
         dim3(Shape::kThreads), Shape::kSharedBytes, context, arguments);
}

void launchOnTensorCores(const BoundOp &b, const LaunchContext &context) {
  switch (chooseTile(b.x.rows, b.weight.rows, context.chip.multiprocessors)) {
    case 0: return launchTiles<Tile128x128>(b, context);
    case 1: return launchTiles<Tile128x64>(b, context);
    case 2: return launchTiles<Tile64x64>(b, context);
    default: return launchTiles<Tile16x64>(b, context);
  }
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
