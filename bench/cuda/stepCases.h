// Whole steps of a DiT: its blocks one after the other, each with weights and caches of its own; full, gathered and calibrated steps by
// themselves, and in the order of a policy.
#pragma once
#include <algorithm>
#include <array>

#include "blockCases.h"

namespace incache::cuda::bench {

inline std::vector<Launch> stepsOf(Buffers &buffers, const BlockShape &shape, int64_t blocks, const std::vector<BlockKind> &steps) {
  const BlockStream stream(buffers, shape);
  const bool cached = std::any_of(steps.begin(), steps.end(), [](BlockKind kind) { return kind != BlockKind::full; });
  // Of each kind of step: those that come again find the same caches and weights.
  std::array<std::vector<Launch>, 3> byKind;
  for (int64_t block = 0; block < blocks; block++) {
    const BlockCaches caches = cached ? BlockCaches(buffers, shape) : BlockCaches();
    for (const BlockKind kind : {BlockKind::full, BlockKind::gather, BlockKind::scatter}) {
      if (std::find(steps.begin(), steps.end(), kind) == steps.end()) continue;
      const std::vector<Launch> launches = BlockOps(buffers, shape, kind, stream, caches).launches;
      auto &all = byKind[static_cast<size_t>(kind)];
      all.insert(all.end(), launches.begin(), launches.end());
    }
  }
  std::vector<Launch> launches;
  for (const BlockKind kind : steps) launches.insert(launches.end(), byKind[static_cast<size_t>(kind)].begin(), byKind[static_cast<size_t>(kind)].end());
  return launches;
}

inline std::vector<Case> stepCases(int64_t sequences, int64_t tokens, int64_t width, int64_t heads, int64_t rank, int64_t blocks) {
  constexpr BlockKind kFull = BlockKind::full, kGather = BlockKind::gather, kScatter = BlockKind::scatter;
  const struct {
    const char *name;
    std::vector<BlockKind> steps;
  } orders[] = {{"full", {kFull}},
                {"gather", {kGather}},
                {"scatter", {kScatter}},
                {"calibrated p = 2", {kGather, kScatter}},
                {"calibrated p = 3", {kGather, kScatter, kScatter}}};
  std::vector<Case> cases;
  for (const auto &[name, steps] : orders) {
    const bool calibrated = std::find(steps.begin(), steps.end(), kScatter) != steps.end();
    const BlockShape shape{sequences, tokens, width, heads, calibrated ? rank : 0};
    double flops = 0;
    for (const BlockKind kind : steps) flops += static_cast<double>(blocks) * blockFlops(shape, kind) / static_cast<double>(steps.size());
    const auto make = [=, order = steps](Buffers &buffers) { return stepsOf(buffers, shape, blocks, order); };
    cases.push_back({"step", name, "", sequences, tokens, shape.rank, flops, 0, make, static_cast<int>(steps.size())});
  }
  return cases;
}

}  // namespace incache::cuda::bench
