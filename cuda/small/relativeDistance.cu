// out = |x - previous| / |previous|: every block sums a part of the elements, then one block these sums. The blocks are as
// many as the shape asks for, and the order of every sum is fixed.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

constexpr int kDistanceThreads = kElementwiseThreads, kMostBlocks = 256;

// Of the difference and of what it is relative to.
template <class T>
struct Sums {
  T distance, size;
};

struct DistanceArguments {
  Operand x, previous, out;
  int64_t rows, columns;
  bool squares, fours;
  int blocks;
  Sums<float> *parts;
};

// Of all threads of the block; the first one has it.
template <class T>
__device__ __forceinline__ Sums<T> sumOfBlock(Sums<T> sums) {
#pragma unroll
  for (int mask = 16; mask > 0; mask /= 2) {
    sums.distance += shuffleXor(sums.distance, mask);
    sums.size += shuffleXor(sums.size, mask);
  }
  Sums<T> *warps = reinterpret_cast<Sums<T> *>(sharedMemory());
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = sums;
  synchronizeBlock();
  sums = {};
  if (threadIdx.x == 0)
    for (int warp = 0; warp < kDistanceThreads / 32; warp++) sums.distance += warps[warp].distance, sums.size += warps[warp].size;
  return sums;
}

__global__ void __launch_bounds__(kDistanceThreads) partsKernel(const __grid_constant__ DistanceArguments a) {
  const auto sizeOf = [&](float v) { return a.squares ? v * v : fabsf(v); };
  const int64_t foursAcross = (a.columns + 3) / 4;
  Sums<float> sums{};
  eachItem(a.rows * foursAcross, [&](int64_t item) {
    const Division place = divide(item, foursAcross);
    const FourColumns at{place.quotient, place.remainder * 4, a.columns, a.fours};
    const Four x = at.read(a.x, at.row), previous = at.read(a.previous, at.row);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      sums.distance += sizeOf(a.previous.rounded(x.at[j]) - previous.at[j]);
      sums.size += sizeOf(previous.at[j]);
    }
  });
  sums = sumOfBlock(sums);
  if (threadIdx.x == 0) a.parts[blockIdx.x] = sums;
}

__global__ void __launch_bounds__(kDistanceThreads) ratioKernel(const __grid_constant__ DistanceArguments a) {
  Sums<double> sums{};
  if (static_cast<int>(threadIdx.x) < a.blocks) sums = {a.parts[threadIdx.x].distance, a.parts[threadIdx.x].size};
  sums = sumOfBlock(sums);
  if (threadIdx.x > 0) return;
  const double ratio = sums.distance / sums.size;
  a.out.write(0, 0, sums.distance == 0 ? 0.0f : static_cast<float>(a.squares ? sqrt(ratio) : ratio));
}

int blocksOf(const BoundOp &b) {
  return static_cast<int>(std::min<int64_t>(divideUp(b.x.rows * divideUp(b.x.columns, 4), kDistanceThreads), kMostBlocks));
}

int64_t scratchOf(const BoundOp &b, const Chip &) { return blocksOf(b) * static_cast<int64_t>(sizeof(Sums<float>)); }

void launchRelativeDistance(const BoundOp &b, const LaunchContext &context) {
  const DistanceArguments a{operandOf(b.x),
                            operandOf(b.previous),
                            operandOf(b.out),
                            b.x.rows,
                            b.x.columns,
                            b.op->norm == 2,
                            allowsFours(b.x) && allowsFours(b.previous),
                            blocksOf(b),
                            reinterpret_cast<Sums<float> *>(context.scratch)};
  const int64_t shared = kDistanceThreads / 32 * static_cast<int64_t>(sizeof(Sums<double>));
  launch(partsKernel, dim3(static_cast<unsigned>(a.blocks)), dim3(kDistanceThreads), shared, context, a);
  launch(ratioKernel, dim3(1), dim3(kDistanceThreads), shared, context, a);
}

}  // namespace

const CudaKernel kRelativeDistance = {scratchOf, launchRelativeDistance};

}  // namespace incache::cuda::INCACHE_STORAGE
