#include "memory.h"

#include <cstdlib>
#include <mutex>
#include <string>

#include "../core/error.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

// GCC defines __SANITIZE_ADDRESS__; Clang answers __has_feature.
#if defined(__SANITIZE_ADDRESS__)
#define INCACHE_SANITIZES_ADDRESSES
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INCACHE_SANITIZES_ADDRESSES
#endif
#endif

namespace incache {
namespace {

constexpr int64_t kCacheLine = 64, kHugePage = 2 << 20;
// Blocks of kLeastShared to kMostShared bytes share pages, which are reserved kSharedBytes at a time. Pages that are never
// written take no memory.
#ifdef INCACHE_SANITIZES_ADDRESSES
// A sanitizer notices a write beyond a block only if no other block of ours follows it.
constexpr int64_t kLeastShared = kMostBytes, kMostShared = 0, kSharedBytes = 0;
#else
constexpr int64_t kLeastShared = 32 << 10, kMostShared = 16 << 20, kSharedBytes = 64 << 20;
#endif

// Blocks are often whole pages. Starting them at different places of a page keeps operands that are read together out of the same
// sets of a cache.
constexpr int64_t kApart = 73 * kCacheLine;

int64_t roundUp(int64_t value, int64_t step) { return (value + step - 1) / step * step; }

void wantHugePages([[maybe_unused]] void *at, [[maybe_unused]] int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  // A system without huge pages goes on with small ones.
  madvise(at, static_cast<size_t>(bytes), MADV_HUGEPAGE);
#endif
}

// Tells the system that the whole pages between two addresses are no longer needed.
void giveBack([[maybe_unused]] char *at, [[maybe_unused]] int64_t bytes) {
#ifdef __linux__
  constexpr int64_t kPage = 4096;
  const int64_t first = roundUp(reinterpret_cast<intptr_t>(at), kPage), end = (reinterpret_cast<intptr_t>(at) + bytes) / kPage * kPage;
  if (end > first) madvise(reinterpret_cast<void *>(first), static_cast<size_t>(end - first), MADV_DONTNEED);
#endif
}

}  // namespace

class SharedPages {
 public:
  // calloc does not touch large blocks. A request for too much fails here, not when the block is used; `at()` is then null.
  SharedPages(int64_t bytes, int64_t alignment) : all_(bytes > kMostBytes ? nullptr : std::calloc(static_cast<size_t>(bytes + alignment), 1)) {
    if (!all_) return;
    at_ = reinterpret_cast<char *>(roundUp(reinterpret_cast<intptr_t>(all_), alignment));
    if (alignment == kHugePage) wantHugePages(at_, bytes);
  }
  ~SharedPages() { std::free(all_); }
  SharedPages(const SharedPages &) = delete;
  char *at() const { return at_; }

 private:
  void *all_;
  char *at_ = nullptr;
};

struct PageSource::State {
  std::mutex mutex;
  std::shared_ptr<SharedPages> pages;
  int64_t used = kSharedBytes;
};

PageSource::PageSource() : state_(std::make_unique<State>()) {}
PageSource::~PageSource() = default;

CpuBlock::CpuBlock(MemoryCounter counter, PageSource &pages, int64_t bytes) : CpuBlock(counter, take(counter, pages, bytes), bytes) {}
CpuBlock::CpuBlock(MemoryCounter counter, Place place, int64_t bytes)
    : Block(std::move(counter), place.at, bytes), pages_(std::move(place.pages)) {}

CpuBlock::Place CpuBlock::take(const MemoryCounter &counter, PageSource &source, int64_t bytes) {
  const auto require = [&](const std::shared_ptr<SharedPages> &pages) {
    if (!pages->at()) throw OutOfMemory("cpu", static_cast<uint64_t>(bytes), counter->load(), 0);
  };
  if (bytes < kLeastShared || bytes > kMostShared) {
    const auto own = std::make_shared<SharedPages>(bytes, bytes < kLeastShared ? kCacheLine : kHugePage);
    require(own);
    return {own, own->at()};
  }
  PageSource::State &state = *source.state_;
  const std::lock_guard lock(state.mutex);
  if (state.used + bytes > kSharedBytes) {
    const auto fresh = std::make_shared<SharedPages>(kSharedBytes, kHugePage);
    require(fresh);
    state.pages = fresh;
    state.used = 0;
  }
  char *at = state.pages->at() + state.used;
  state.used += roundUp(bytes, kCacheLine) + kApart;
  return {state.pages, at};
}

CpuBlock::~CpuBlock() {
  // Other blocks still use these pages.
  if (pages_.use_count() > 1) giveBack(at(), bytes());
}

}  // namespace incache
