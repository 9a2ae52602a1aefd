// Memory of the process: zeros, aligned to a cache line.
#pragma once
#include "../core/block.h"

namespace incache {

// Pages that blocks share. They go back to the system when the last of these blocks is gone.
class SharedPages;

// Where blocks of middling size are taken from, one behind the other: together they fill huge pages, of which each by itself would
// leave the better part to small ones. Of one device; for any thread.
class PageSource {
 public:
  PageSource();
  ~PageSource();
  PageSource(const PageSource &) = delete;

 private:
  friend class CpuBlock;
  struct State;
  std::unique_ptr<State> state_;
};

class CpuBlock : public Block {
 public:
  // Throws an Error (INCACHE_OUT_OF_MEMORY) that tells what was asked for and what is in use.
  CpuBlock(MemoryCounter counter, PageSource &pages, int64_t bytes);
  ~CpuBlock() override;

 private:
  struct Place {
    std::shared_ptr<SharedPages> pages;
    char *at;
  };
  CpuBlock(MemoryCounter counter, Place place, int64_t bytes);
  static Place take(const MemoryCounter &counter, PageSource &pages, int64_t bytes);

  std::shared_ptr<SharedPages> pages_;
};

}  // namespace incache
