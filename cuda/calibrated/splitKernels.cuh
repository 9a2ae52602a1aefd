// The kernels of the split form, Down and Up, and the reduction between them.
#pragma once
#include "split.cuh"

namespace incache::cuda::INCACHE_STORAGE {

struct DownArguments {
  CalibratedInput input;
  Pairs pairs;
  HiddenRows to;
  int depthOfPart;
};

// A block: 64 rows, up to Chunks times 64 ranks of one pair, a part of the depth.
template <int Chunks, bool Fast>
__global__ void __launch_bounds__(kSplitThreads) downKernel(const __grid_constant__ DownArguments a) {
  int pair = 0, tile = blockIdx.x;
  for (int tiles; tile >= (tiles = (a.pairs.at[pair].down.rows + Chunks * kChunk - 1) / (Chunks * kChunk)); pair++) tile -= tiles;
  const auto &p = a.pairs.at[pair];
  const FragmentPlace place = placeOf(blockIdx.y * kSplitRows);
  const int first = tile * Chunks * kChunk, column = blockIdx.z * a.depthOfPart;
  Increments<Fast> x(a.input.x, a.input.cached, a.input.rows, a.input.depth, place);
  ChunkSums sums[Chunks];
  sumDown<Chunks, kSplitThreads>(sums, x, p.down, first, column, min(column + a.depthOfPart, a.input.depth), sharedMemory());
  writeHidden(sums, a.to, blockIdx.z, a.input.cachedHidden, a.input.rows, p.hiddenFirst, p.cachedFirst, first, p.down.rows, place);
}

struct ReduceArguments {
  Vectors cachedHidden;
  int rows;
  Pairs pairs;
  HiddenRows to;
  int parts;
};

constexpr int kReduceThreads = 128;

// The sums of all parts, in their order. A thread: eight values.
template <int Threads>
__global__ void __launch_bounds__(Threads) reduceKernel(const __grid_constant__ ReduceArguments a) {
  const int64_t eight = static_cast<int64_t>(blockIdx.x) * Threads + threadIdx.x;
  const int across = a.to.columns / 8, row = static_cast<int>(eight / across), column = static_cast<int>(eight % across) * 8;
  if (row >= a.rows) return;
  const Vectors parts{{a.to.parts, a.to.columns, false}, true};
  Eight h = readEight(parts, row, column, a.to.columns);
  for (int part = 1; part < a.parts; part++) {
    const Eight other = readEight(parts, static_cast<int64_t>(part) * a.rows + row, column, a.to.columns);
#pragma unroll
    for (int e = 0; e < 8; e++) h.at[e] += other.at[e];
  }
  int pair = 0;
  while (pair + 1 < a.pairs.count && column >= a.pairs.at[pair + 1].hiddenFirst) pair++;
  const auto &p = a.pairs.at[pair];
  h = lessCached(h, a.cachedHidden, row, column - p.hiddenFirst, p.down.rows, p.cachedFirst);
  writeEight({a.to.values, a.to.columns, true}, row, column, h);
}

struct UpArguments {
  HiddenRows hidden;
  Pairs pairs;
  CalibratedOutput output;
  int chunksOfBlock;  // times 64 columns
};

// The pair and the columns of it that a block has, when each pair's are shared out to so many blocks as they need.
struct UpShare {
  int pair, first, end;
};
__device__ __forceinline__ UpShare shareOf(const Pairs &pairs, int chunksOfBlock, int block) {
  const int columns = chunksOfBlock * kChunk;
  int pair = 0;
  for (int blocks; block >= (blocks = (pairs.at[pair].up.rows + columns - 1) / columns); pair++) block -= blocks;
  return {pair, block * columns, min((block + 1) * columns, pairs.at[pair].up.rows)};
}

// A block: 64 rows, some columns of one pair.
template <bool Fast>
__global__ void __launch_bounds__(kSplitThreads, 4) upKernel(const __grid_constant__ UpArguments a) {
  const UpShare share = shareOf(a.pairs, a.chunksOfBlock, blockIdx.x);
  const auto &p = a.pairs.at[share.pair];
  const FragmentPlace place = placeOf(blockIdx.y * kSplitRows);
  FinishOutput<Fast> finish(a.output, p.outputFirst, p.up.rows, place);
  projectUp<kSplitThreads>(p.up, share.first, share.end, GlobalHidden{a.hidden, p.hiddenFirst, p.down.rows, a.output.rows, place}, finish,
                           sharedMemory());
}

// Columns a block, in chunks: few enough for four blocks a multiprocessor, if that many can be had.
struct UpShape {
  int chunksOfBlock, blocks;
};
inline UpShape upShape(const Pairs &pairs, int64_t rows, const Chip &chip) {
  int64_t chunks = 0, blocks = 0;
  for (int i = 0; i < pairs.count; i++) chunks += divideUp(pairs.at[i].up.rows, kChunk);
  const int64_t ofBlock = std::max<int64_t>(1, chunks * divideUp(rows, kSplitRows) / (4 * chip.multiprocessors));
  for (int i = 0; i < pairs.count; i++) blocks += divideUp(pairs.at[i].up.rows, ofBlock * kChunk);
  return {static_cast<int>(ofBlock), static_cast<int>(blocks)};
}

void launchReduce(const Vectors &cachedHidden, int rows, const Pairs &pairs, const HiddenRows &hidden, int parts,
                  const LaunchContext &context) {
  const int64_t eights = static_cast<int64_t>(rows) * (hidden.columns / 8);
  launch(reduceKernel<kReduceThreads>, dim3(static_cast<unsigned>(divideUp(eights, kReduceThreads))), dim3(kReduceThreads), 0, context,
         ReduceArguments{cachedHidden, rows, pairs, hidden, parts});
}

void launchDown(const CalibratedInput &input, const Pairs &pairs, bool fast, const HiddenRows &hidden, const LaunchContext &context) {
  const DownShape shape = downShape(pairs, input, context.chip);
  const dim3 grid(shape.tiles, static_cast<unsigned>(divideUp(input.rows, kSplitRows)), shape.parts);
  withChunks(shape.chunks, [&](auto chunks) {
    withFast(fast, [&](auto isFast) {
      launch(downKernel<decltype(chunks)::value, decltype(isFast)::value>, grid, dim3(kSplitThreads), kSlotsBytes, context,
             DownArguments{input, pairs, hidden, shape.depthOfPart});
    });
  });
  if (shape.parts > 1) launchReduce(input.cachedHidden, input.rows, pairs, hidden, shape.parts, context);
}

void launchUp(const Pairs &pairs, const CalibratedOutput &output, bool fast, const HiddenRows &hidden, const LaunchContext &context) {
  const UpShape shape = upShape(pairs, output.rows, context.chip);
  const dim3 grid(shape.blocks, static_cast<unsigned>(divideUp(output.rows, kSplitRows)));
  withFast(fast, [&](auto isFast) {
    launch(upKernel<decltype(isFast)::value>, grid, dim3(kSplitThreads), kSlotsBytes, context,
           UpArguments{hidden, pairs, output, shape.chunksOfBlock});
  });
}

}  // namespace incache::cuda::INCACHE_STORAGE
