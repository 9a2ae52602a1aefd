// The fibers of a block and what schedules them, for the emulator's own sources.
#pragma once
#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

#include "machine.h"

namespace incache::cuda::emulator {

// 16 bytes on their way from global to shared memory; from null: zeros.
struct Copy {
  void *to;
  const void *from;
};

struct Fiber {
  std::jmp_buf context;
  uint3 index;
  int warp, lane;
  bool ended;
  // Groups of copies of this thread that it has not waited for; the last one is still open.
  std::vector<std::vector<Copy>> copies;
};

using Waiting = std::vector<Fiber *>;

// Where a fixed set of threads meets; the last to come acts for all.
struct Meeting {
  Waiting waiting;
  const void *arguments[1024];
  Act act = nullptr;
};

class Machine {
 public:
  static Machine &get();
  Machine() {
    if (const char *seed = std::getenv("INCACHE_EMULATED_SEED")) seed_ = static_cast<uint32_t>(std::atoi(seed)) * 2654435761u | 1;
    void *space = mmap(nullptr, 2 * kSharedSpace, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    shared_ = static_cast<unsigned char *>(space);
  }

  // Runs all blocks of a grid, one after the other.
  void run(dim3 grid, dim3 block, int64_t sharedBytes, const std::function<void()> &body) {
    std::lock_guard lock(mutex_);
    gridDim = grid;
    blockDim = block;
    body_ = &body;
    const size_t threads = block.x * block.y * block.z;
    while (fibers_.size() < threads) fibers_.push_back(create());
    for (unsigned z = 0; z < grid.z; z++)
      for (unsigned y = 0; y < grid.y; y++)
        for (unsigned x = 0; x < grid.x; x++) {
          blockIdx = {x, y, z};
          runBlock(threads, sharedBytes);
        }
  }

  Fiber &current() { return *current_; }
  unsigned char *shared() { return shared_; }
  // What the copy engine and products see in the place of each byte of shared memory.
  unsigned char *published() { return shared_ + kSharedSpace; }
  int64_t sharedBytes() const { return sharedBytes_; }
  int lanesOf(int warp) const { return std::min<int>(32, threads_ - warp * 32); }

  // The running thread goes on when somebody wakes the list.
  void waitOn(Waiting &list) {
    list.push_back(current_);
    switchAway();
  }
  void wake(Waiting &list) {
    ready_.insert(ready_.end(), list.begin(), list.end());
    list.clear();
  }
  void yield() {
    ready_.push_back(current_);
    switchAway();
  }
  // Runs `action` at some later change of threads, as the copy engine does: by a coin soon, or when no thread can go on without it.
  void later(std::function<void()> action) { (random() % 2 == 0 ? actions_ : lateActions_).push_back(std::move(action)); }

  // `count` threads meet.
  void meet(Meeting &meeting, int count, int place, const void *arguments, Act act) {
    if (!meeting.waiting.empty() && meeting.act != act) fail("threads that must act together met at different instructions");
    meeting.act = act;
    meeting.arguments[place] = arguments;
    if (static_cast<int>(meeting.waiting.size()) + 1 < count) return waitOn(meeting.waiting);
    act(meeting.arguments, count);
    wake(meeting.waiting);
  }
  Meeting &warpMeeting() { return warps_[current_->warp]; }
  // 0: the whole block.
  Meeting &barrier(int id) { return barriers_[id]; }
  Meeting &warpgroupMeeting() { return warpgroups_[current_->warp / 4]; }
  int threads() const { return threads_; }

  // From 0 to count - 1.
  size_t randomBelow(size_t count) { return random() * static_cast<uint64_t>(count) >> 32; }
  uint32_t random() {
    seed_ ^= seed_ << 13;
    seed_ ^= seed_ >> 17;
    seed_ ^= seed_ << 5;
    return seed_;
  }

 private:
  static constexpr size_t kStack = 256 << 10;
  static constexpr int64_t kSharedSpace = 1 << 20;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber *> ready_;
  std::vector<std::function<void()>> actions_, lateActions_;
  Fiber *current_ = nullptr;
  std::jmp_buf scheduler_;
  ucontext_t creator_, created_;
  const std::function<void()> *body_ = nullptr;
  int threads_ = 0, alive_ = 0;
  unsigned char *shared_ = nullptr;
  int64_t sharedBytes_ = 0;
  Meeting warps_[32], warpgroups_[8], barriers_[16];
  uint32_t seed_ = 1;

  // A fiber outlives the threads that it runs: it takes the next one when the scheduler comes back to it.
  std::unique_ptr<Fiber> create() {
    auto fiber = std::make_unique<Fiber>();
    getcontext(&created_);
    created_.uc_stack.ss_sp = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    // Tops a multiple of kStack apart would fall into the same few sets of the caches.
    created_.uc_stack.ss_size = kStack - fibers_.size() % 64 * (17 * 64);
    created_.uc_link = nullptr;
    current_ = fiber.get();
    makecontext(&created_, reinterpret_cast<void (*)()>(&Machine::enter), 0);
    swapcontext(&creator_, &created_);
    return fiber;
  }

  static void enter() {
    Machine &machine = get();
    Fiber *self = machine.current_;
    if (!_setjmp(self->context)) setcontext(&machine.creator_);
    while (true) {
      (*machine.body_)();
      machine.current_->ended = true;
      machine.alive_--;
      machine.switchAway();
    }
  }

  void runBlock(size_t threads, int64_t sharedBytes) {
    threads_ = alive_ = static_cast<int>(threads);
    sharedBytes_ = sharedBytes;
    // NaN in every format, and a border whose change betrays a write past the end.
    std::memset(shared_, 0xff, static_cast<size_t>(sharedBytes) + kBorder);
    std::memset(published(), 0xff, static_cast<size_t>(sharedBytes));
    for (size_t i = 0; i < threads; i++) {
      Fiber &fiber = *fibers_[i];
      const unsigned n = static_cast<unsigned>(i);
      fiber.index = {n % blockDim.x, n / blockDim.x % blockDim.y, n / blockDim.x / blockDim.y};
      fiber.warp = static_cast<int>(i / 32);
      fiber.lane = static_cast<int>(i % 32);
      fiber.ended = false;
      fiber.copies.assign(1, {});
      ready_.push_back(&fiber);
    }
    if (!_setjmp(scheduler_)) resumeNext();
    if (alive_ > 0) fail("a block cannot go on: threads wait for others that have ended or wait elsewhere");
    for (auto *actions : {&actions_, &lateActions_})
      while (!actions->empty()) runAny(*actions);
    for (int64_t i = 0; i < kBorder; i++)
      if (shared_[sharedBytes_ + i] != 0xff) fail("a write past the end of shared memory");
  }
  static constexpr int64_t kBorder = 1024;

  __attribute__((noinline)) void switchAway() {
    Fiber *self = current_;
    if (_setjmp(self->context)) return;
    resumeNext();
  }

  [[noreturn]] void resumeNext() {
    while (!actions_.empty() && (ready_.empty() || random() % 8 == 0)) runAny(actions_);
    while (!lateActions_.empty() && ready_.empty()) runAny(lateActions_);
    if (ready_.empty()) _longjmp(scheduler_, 1);
    const size_t place = randomBelow(ready_.size());
    current_ = ready_[place];
    ready_[place] = ready_.back();
    ready_.pop_back();
    threadIdx = current_->index;
    _longjmp(current_->context, 1);
  }

  void runAny(std::vector<std::function<void()>> &actions) {
    const size_t place = randomBelow(actions.size());
    const std::function<void()> action = std::move(actions[place]);
    actions.erase(actions.begin() + static_cast<std::ptrdiff_t>(place));
    action();
  }
};

inline Machine theMachine;
inline Machine &Machine::get() { return theMachine; }

}  // namespace incache::cuda::emulator
