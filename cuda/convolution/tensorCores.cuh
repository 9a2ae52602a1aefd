// The convolution with a Half weight on the tensor cores of sm_80 and later: the product of linear/tensorCores.cuh, whose rows of x are
// copied from the image, eight channels of a pixel at a time (an implicit GEMM). Eight channels are of one tap, as there are whole eights.
#pragma once
#include "../linear/tensorCores.cuh"
#include "pixels.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct ConvolutionArguments {
  Pixels pixels;
  TileProduct product;
};

// The rows of a tile of pixels (RowsOfTile of linear/tensorCores.cuh).
template <class Shape>
class PixelsOfTile {
 public:
  __device__ __forceinline__ PixelsOfTile(const Pixels &pixels, int64_t row, int thread) : pixels_(pixels), share_(thread) {
#pragma unroll
    for (int i = 0; i < Share::kCount; i++) places_[i] = placeOf(pixels, row + share_.rowOf(i));
  }
  __device__ __forceinline__ void begin(unsigned char *tile, int k) const {
    const Tap tap = tapOf(pixels_, k + share_.piece * kPieceElements);
    const Half *x = static_cast<const Half *>(pixels_.x.at) + tap.channel;
#pragma unroll
    for (int i = 0; i < Share::kCount; i++) {
      const int64_t row = seenRow(pixels_, places_[i], tap);
      copyAsync16(tile + share_.offsetOf(i), x + row * pixels_.x.stride, row >= 0);
    }
  }
  __device__ __forceinline__ void end(unsigned char *) const {}

 private:
  using Share = TileShare<typename Shape::Factor, Shape::kRows, Shape::kThreads>;
  const Pixels &pixels_;
  const Share share_;
  FilterPlace places_[Share::kCount];
};

template <class Shape>
__global__ void __launch_bounds__(Shape::kThreads, Shape::kBlocks) convolveTile(const __grid_constant__ ConvolutionArguments a) {
  const PixelsOfTile<Shape> left(a.pixels, a.product.firstRow<Shape>(), static_cast<int>(threadIdx.x));
  multiplyAndFinish<Shape>(a.product, left);
}

}  // namespace incache::cuda::INCACHE_STORAGE
