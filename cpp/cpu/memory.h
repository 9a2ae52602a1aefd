// Memory of the process: zeros, aligned to a cache line.
#pragma once
#include "../core/block.h"

namespace incache {

class CpuBlock : public Block {
 public:
  // Throws an Error (INCACHE_OUT_OF_MEMORY) that tells what was asked for and what is in use.
  CpuBlock(MemoryCounter counter, int64_t bytes);
  ~CpuBlock() override;

 private:
  struct Memory {
    void *all;
    char *at;
  };
  CpuBlock(MemoryCounter counter, Memory memory, int64_t bytes);
  static Memory take(const MemoryCounter &counter, int64_t bytes);

  void *memory_;
};

}  // namespace incache
