// Memory of the process: zeros, aligned to a cache line.
#pragma once
#include "../core/block.h"

namespace incache {

// Pages that several blocks share. They return to the system when the last of these blocks is freed.
class SharedPages;

// Allocates blocks of medium size one after the other, so that together they fill huge pages. By itself, a block would leave most
// of its last huge page unused. Each device has one; any thread may use it.
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
  // Throws an Error (INCACHE_OUT_OF_MEMORY) that says how much was requested and how much is in use.
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
