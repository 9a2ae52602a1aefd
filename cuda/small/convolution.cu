// out = residual + epilogue(convolution of x with weight + bias), in float32 throughout: the exact product of linear/exact.cuh, whose
// rows are read from the image as they are needed.
#include "../common/elementwise.cuh"
#include "../common/pipeline.cuh"
#include "../common/simt.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct ConvolutionArguments {
  Operand x, weight, bias, residual, out;
  bool xFours, silu;
  int64_t rows, columns, tilesDown;
  int depth, channels, kernel, stride, upsample, height, width, outHeight, outWidth, padTop, padLeft;
};

// Where the filter begins for a pixel of out, in the upsampled image; a pixel that is not there sees zeros alone.
struct FilterPlace {
  int64_t imageRow;
  int top, left;
};

__device__ __forceinline__ FilterPlace placeOf(const ConvolutionArguments &a, int64_t row) {
  if (row >= a.rows) return {0, -(1 << 30), 0};
  const Division line = divide(row, a.outWidth), image = divide(line.quotient, a.outHeight);
  return {image.quotient * a.height, static_cast<int>(image.remainder) * a.stride - a.padTop,
          static_cast<int>(line.remainder) * a.stride - a.padLeft};
}

// Row of x and channel of element k of the depth; row -1 outside of the image.
struct Seen {
  int64_t row;
  int channel;
};
__device__ __forceinline__ Seen seenFrom(const ConvolutionArguments &a, const FilterPlace &place, int k) {
  const int tap = k / a.channels, y = place.top + tap / a.kernel, x = place.left + tap % a.kernel;
  const bool inside = k < a.depth && y >= 0 && x >= 0 && y < a.height * a.upsample && x < a.width * a.upsample;
  return {inside ? (place.imageRow + y / a.upsample) * a.width + x / a.upsample : -1, k - tap * a.channels};
}

// Elements k to k + 3 of the depth.
__device__ __forceinline__ Four readFilter(const ConvolutionArguments &a, const FilterPlace &place, int k) {
  Four v{};
  if (a.xFours) {
    const Seen seen = seenFrom(a, place, k);
    return seen.row < 0 ? v : readFour(a.x, seen.row, seen.channel);
  }
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const Seen seen = seenFrom(a, place, k + j);
    if (seen.row >= 0) v.at[j] = a.x.read(seen.row, seen.channel);
  }
  return v;
}

__global__ void __launch_bounds__(kSimtThreads, 4) convolutionKernel(const __grid_constant__ ConvolutionArguments a) {
  float *shared = reinterpret_cast<float *>(sharedMemory());
  const int thread = static_cast<int>(threadIdx.x), own = thread / SimtFactor::kFoursAcross, first = thread % SimtFactor::kFoursAcross * 4;
  const Division tile = divide(blockIdx.x, a.tilesDown);
  const int64_t row = tile.remainder * kSimtTile, column = tile.quotient * kSimtTile;
  const int columns = static_cast<int>(min(a.columns - column, int64_t{kSimtTile}));
  FilterPlace places[SimtFactor::kCount];
#pragma unroll
  for (int i = 0; i < SimtFactor::kCount; i++) places[i] = placeOf(a, row + own + i * SimtFactor::kRowsApart);

  SimtFactor left, right;
  SimtSums sums;
  sums.clear();
  const auto begin = [&](int step, int) {
    const int k = step * kSimtStep;
#pragma unroll
    for (int i = 0; i < SimtFactor::kCount; i++) left.values[i] = readFilter(a, places[i], k + first);
    right.load(a.weight, true, column, k, columns, a.depth - k, thread);
  };
  const auto use = [&](int stage) {
    const float *factors = shared + stage * 2 * kSimtFactorFloats;
    sums.multiply(factors, factors + kSimtFactorFloats, thread);
  };
  const auto end = [&](int, int stage) {
    float *factors = shared + stage * 2 * kSimtFactorFloats;
    left.store(factors, thread);
    right.store(factors + kSimtFactorFloats, thread);
  };
  runPipeline<2>((a.depth + kSimtStep - 1) / kSimtStep, begin, use, end);

  sums.store(shared, thread);
  synchronizeBlock();
#pragma unroll 1
  for (int place = thread; place < kSimtTile * kSimtTile; place += kSimtThreads) {
    const int64_t i = row + place / kSimtTile, j = column + place % kSimtTile;
    if (i >= a.rows || j >= a.columns) continue;
    float y = shared[place / kSimtTile * kSimtStride + place % kSimtTile];
    if (a.bias.at) y += a.bias.read(0, j);
    if (a.silu) y = siluOf(y);
    if (a.residual.at) y += a.residual.read(i, j);
    a.out.write(i, j, y);
  }
}

void launchConvolution(const BoundOp &b, const LaunchContext &context) {
  const Op &op = *b.op;
  const auto size = [&](int64_t of, int64_t pads) { return static_cast<int>((of * op.upsample + pads - op.kernel) / op.stride + 1); };
  const ConvolutionArguments a{operandOf(b.x),
                               operandOf(b.weight),
                               operandOf(b.bias),
                               operandOf(b.residual),
                               operandOf(b.out),
                               b.x.columns % 4 == 0 && allowsFours(b.x),
                               op.epilogue == Epilogue::silu,
                               b.out.rows,
                               b.out.columns,
                               divideUp(b.out.rows, kSimtTile),
                               static_cast<int>(b.weight.depth),
                               static_cast<int>(b.x.columns),
                               static_cast<int>(op.kernel),
                               static_cast<int>(op.stride),
                               static_cast<int>(op.upsample),
                               static_cast<int>(op.height),
                               static_cast<int>(op.width),
                               size(op.height, op.padTop + op.padBottom),
                               size(op.width, op.padLeft + op.padRight),
                               static_cast<int>(op.padTop),
                               static_cast<int>(op.padLeft)};
  launch(convolutionKernel, dim3(static_cast<unsigned>(a.tilesDown * divideUp(a.columns, kSimtTile))), dim3(kSimtThreads),
         2 * 2 * kSimtFactorFloats * 4, context, a);
}

}  // namespace

const CudaKernel kConvolution = {noScratch, launchConvolution};

}  // namespace incache::cuda::INCACHE_STORAGE
