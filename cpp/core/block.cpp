#include "block.h"

#include <cstdlib>

#include "error.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace incache {
namespace {

constexpr int64_t kAlignment = 64;
// More than any machine has, and far from where sums of sizes overflow.
constexpr int64_t kMostBytes = int64_t{1} << 46;

// Weights and caches are read from end to end: with pages of 4 KiB a translation is looked up every few hundred cycles.
void wantHugePages([[maybe_unused]] void *memory, [[maybe_unused]] int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t kPage = 4096;
  constexpr int64_t kWorthIt = 4 << 20;
  if (bytes < kWorthIt) return;
  const uintptr_t first = (reinterpret_cast<uintptr_t>(memory) + kPage - 1) / kPage * kPage;
  const uintptr_t end = (reinterpret_cast<uintptr_t>(memory) + static_cast<uintptr_t>(bytes)) / kPage * kPage;
  // A kernel that has none goes on with small ones.
  madvise(reinterpret_cast<void *>(first), end - first, MADV_HUGEPAGE);
#endif
}

}  // namespace

Block::Block(MemoryCounter counter, int64_t bytes) : counter_(std::move(counter)), bytes_(bytes) {
  // calloc leaves large blocks untouched until they are used: asking for too much fails here, not later.
  memory_ = bytes > kMostBytes ? nullptr : std::calloc(static_cast<size_t>(bytes + kAlignment), 1);
  if (!memory_)
    throw Error(INCACHE_OUT_OF_MEMORY, "the cpu is out of memory: asked for " + std::to_string(bytes_) + " bytes with " +
                                           std::to_string(counter_->load()) + " in use");
  wantHugePages(memory_, bytes + kAlignment);
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory_);
  at_ = static_cast<char *>(memory_) + (kAlignment - address % kAlignment) % kAlignment;
  *counter_ += static_cast<uint64_t>(bytes_);
}

Block::~Block() {
  *counter_ -= static_cast<uint64_t>(bytes_);
  std::free(memory_);
}

}  // namespace incache
