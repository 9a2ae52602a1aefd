// Which rows there are: DiT-XL/2 for 2, 16 and 64 images with guidance, of 256 and 1024 tokens; its steps for 1, 2 and 16 of 256.
#pragma once
#include "blockCases.h"
#include "kernelCases.h"
#include "stepCases.h"

namespace incache::cuda::bench {

// Those that are wanted: empty and 0 stand for all.
struct Chosen {
  std::string level;
  int64_t tokens = 0, images = 0, rank = 0;

  bool has(const Case &c) const {
    return (level.empty() || c.level == level) && (tokens == 0 || c.tokens == tokens) && (images == 0 || c.sequences == 2 * images) &&
           (rank == 0 || c.rank == 0 || c.rank == rank);
  }
};

inline std::vector<Case> ditRows(const Chosen &chosen) {
  constexpr int64_t kWidth = 1152, kHeads = 16, kBlocks = 28, kStepRank = 128;
  const std::vector<int64_t> ranks = {64, 128, 192, 256};
  std::vector<Case> rows;
  for (const int64_t tokens : {256, 1024})
    for (const int64_t images : {2, 16, 64})
      for (const auto casesFor : {kernelCases, blockCases})
        for (Case &c : casesFor(2 * images, tokens, kWidth, kHeads, ranks))
          if (chosen.has(c)) rows.push_back(std::move(c));
  for (const int64_t images : {1, 2, 16})
    for (Case &c : stepCases(2 * images, 256, kWidth, kHeads, kStepRank, kBlocks))
      if (chosen.has(c)) rows.push_back(std::move(c));
  return rows;
}

}  // namespace incache::cuda::bench
