// out = residual + epilogue(convolution of x with weight + bias). Which kernel: by the type of the weight and how x lies in memory.
#include "convolution/exact.cuh"
#include "convolution/tensorCores.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

template <class Shape>
void launchTiles(const BoundOp &b, const LaunchContext &context) {
  const ConvolutionArguments arguments{pixelsOf(b), tileProductOf<Shape>(b, b.out.rows)};
  launch(convolveTile<Shape>, dim3(static_cast<unsigned>(arguments.product.grid.count())), dim3(Shape::kThreads), Shape::kSharedBytes, context,
         arguments);
}

void launchExactly(const BoundOp &b, const LaunchContext &context) {
  const TileGrid grid = gridOf(b.out.rows, b.out.columns, kSimtTile, kSimtTile);
  const ExactConvolutionArguments arguments{
      pixelsOf(b), b.x.columns % 4 == 0 && allowsFours(b.x), operandOf(b.weight), b.out.columns, grid, tileEpilogueOf(b)};
  launch(convolveExactly, dim3(static_cast<unsigned>(grid.count())), dim3(kSimtThreads), 2 * 2 * kSimtFactorFloats * 4, context, arguments);
}

void launchConvolution(const BoundOp &b, const LaunchContext &context) {
  if (!context.chip.unproven.convolution || b.weight.type != kHalfType || !copiesWhole(b.x)) return launchExactly(b, context);
  withTileShape(chooseTile(b.out.rows, b.out.columns, context.chip.multiprocessors),
                [&](auto shape) { launchTiles<decltype(shape)>(b, context); });
}

}  // namespace

const CudaKernel kConvolution = {noScratch, launchConvolution};

}  // namespace incache::cuda::INCACHE_STORAGE
