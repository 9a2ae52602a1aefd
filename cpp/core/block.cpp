#include "block.h"

#include <cstdlib>

#include "error.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace incache {
namespace {

constexpr int64_t kCacheLine = 64;
constexpr int64_t kHugePage = 2 << 20;
// More than any machine has, and far from where sums of sizes overflow.
constexpr int64_t kMostBytes = int64_t{1} << 46;

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

Block::Block(MemoryCounter counter, int64_t bytes) : counter_(std::move(counter)), bytes_(bytes) {
  const int64_t alignment = alignmentFor(bytes);
  // calloc leaves large blocks untouched until they are used: asking for too much fails here, not later.
  memory_ = bytes > kMostBytes ? nullptr : std::calloc(static_cast<size_t>(bytes + alignment), 1);
  if (!memory_)
    throw Error(INCACHE_OUT_OF_MEMORY, "the cpu is out of memory: asked for " + std::to_string(bytes_) + " bytes with " +
                                           std::to_string(counter_->load()) + " in use");
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory_), step = static_cast<uintptr_t>(alignment);
  at_ = static_cast<char *>(memory_) + (step - address % step) % step;
  if (alignment == kHugePage) wantHugePages(at_, bytes);
  *counter_ += static_cast<uint64_t>(bytes_);
}

Block::~Block() {
  *counter_ -= static_cast<uint64_t>(bytes_);
  std::free(memory_);
}

}  // namespace incache
