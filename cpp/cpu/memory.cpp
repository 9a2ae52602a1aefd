#include "memory.h"

#include <cstdlib>
#include <string>

#include "../core/error.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace incache {
namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kHugePage = 2 << 20;

// Blocks of half a huge page and more start at one: weights and caches are read from end to end, and rows that lie
// kilobytes apart would each need a translation of their own.
int64_t alignmentFor(int64_t bytes) { return bytes >= kHugePage / 2 ? kHugePage : kCacheLine; }

void wantHugePages([[maybe_unused]] void *at, [[maybe_unused]] int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // A kernel that has none goes on with small ones.
  madvise(at, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
}

}  // namespace

CpuBlock::CpuBlock(MemoryCounter counter, int64_t bytes) : CpuBlock(counter, take(counter, bytes), bytes) {}
CpuBlock::CpuBlock(MemoryCounter counter, Memory memory, int64_t bytes)
    : Block(std::move(counter), memory.at, bytes), memory_(memory.all) {}

CpuBlock::Memory CpuBlock::take(const MemoryCounter &counter, int64_t bytes) {
  const int64_t alignment = alignmentFor(bytes);
  // calloc leaves large blocks untouched until they are used: asking for too much fails here, not later.
  void *all = bytes > kMostBytes ? nullptr : std::calloc(static_cast<size_t>(bytes + alignment), 1);
  if (!all)
    throw Error(INCACHE_OUT_OF_MEMORY, "the cpu is out of memory: asked for " + std::to_string(bytes) + " bytes with " +
                                           std::to_string(counter->load()) + " in use");
  const uintptr_t address = reinterpret_cast<uintptr_t>(all), step = static_cast<uintptr_t>(alignment);
  char *at = static_cast<char *>(all) + (step - address % step) % step;
  if (alignment == kHugePage) wantHugePages(at, bytes);
  return {all, at};
}

CpuBlock::~CpuBlock() { std::free(memory_); }

}  // namespace incache
