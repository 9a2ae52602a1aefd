// The device of the plugin: what other threads do while one waits for it.
#include <atomic>
#include <chrono>
#include <thread>

#include "../runtime/program.h"
#include "expect.h"

using namespace incache;
using namespace incache::cuda::test;

namespace {

constexpr int64_t kRows = 300, kColumns = 7000, kBytes = kRows * kColumns * 4;
// More than the staging memory holds.
constexpr int64_t kMuchBytes = 20 << 20;

// Work that ends when it is told to, or after 20 seconds.
class Gate {
 public:
  explicit Gate(GpuDevice &device) {
    const auto entered = device.enter();
    expect(cudaLaunchHostFunc(device.stream(), pass, this) == cudaSuccess, "a function of the host cannot be enqueued");
  }
  void untilReached() const {
    while (!reached_) std::this_thread::yield();
  }
  void open() {
    expect(!late_, "nobody opened the gate: a call has waited for the device");
    opened_ = true;
  }

 private:
  std::atomic<bool> reached_{false}, opened_{false}, late_{false};

  static void pass(void *gate) {
    Gate &self = *static_cast<Gate *>(gate);
    self.reached_ = true;
    for (int i = 0; i < 4000 && !self.opened_; i++) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    self.late_ = !self.opened_;
  }
};

// A plan of one operation: y = x sigmoid(x).
struct Silu {
  Op op{};
  BoundOp bound{};

  Silu(void *x, void *y) {
    op.kind = OpKind::silu;
    bound.op = &op;
    bound.x = {x, kColumns, kRows, kColumns, INCACHE_F32};
    bound.out = {y, kColumns, kRows, kColumns, INCACHE_F32};
  }
};

// Takes and gives back memory, and makes and runs a plan, while another thread waits in `waiting`.
template <class Waiting>
void workBeside(GpuDevice &device, const char *name, Waiting waiting) {
  void *x = device.allocate(kBytes, true), *given = device.allocate(1000, false);
  Gate gate(device);
  std::atomic<bool> ended{false};
  std::thread waiter([&] {
    waiting();
    ended = true;
  });
  gate.untilReached();
  void *y = device.allocate(kBytes, false);
  device.release(given);
  const Silu silu(x, y);
  {
    GpuProgram program(device, &silu.bound, 1, nullptr);
    program.run();
  }
  expect(!ended, "%s: it ended before the work", name);
  gate.open();
  waiter.join();
  std::vector<float> values(static_cast<size_t>(kRows * kColumns), 1);
  device.download(values.data(), y, kBytes);
  for (const float value : values) expect(value == 0, "%s: a value is %g; expected 0", name, value);
  device.release(x);
  device.release(y);
}

void testWaits(GpuDevice &device) {
  workBeside(device, "wait", [&] { device.wait(); });
  void *at = device.allocate(kMuchBytes, false);
  std::vector<int32_t> values(kMuchBytes / 4), copy(values.size());
  for (size_t i = 0; i < values.size(); i++) values[i] = static_cast<int32_t>(i * 2654435761u);
  workBeside(device, "upload", [&] { device.upload(at, values.data(), kMuchBytes); });
  workBeside(device, "download", [&] { device.download(copy.data(), at, kMuchBytes); });
  expect(copy == values, "what came back is not what was uploaded");
  device.release(at);
}

// Copies of several threads, each by way of the same staging memory.
void testCopies(GpuDevice &device) {
  std::vector<std::thread> threads;
  for (int own = 0; own < 3; own++)
    threads.emplace_back([&device, own] {
      constexpr int64_t kOwnBytes = (9 << 20) + 12;
      std::vector<int32_t> values(kOwnBytes / 4, own), copy(values.size());
      void *at = device.allocate(kOwnBytes, false);
      for (int turn = 0; turn < 2; turn++) {
        device.upload(at, values.data(), kOwnBytes);
        device.wait();
        device.download(copy.data(), at, kOwnBytes);
        expect(copy == values, "copies of several threads get into each other");
      }
      device.release(at);
    });
  for (std::thread &thread : threads) thread.join();
}

#ifdef INCACHE_CUDA_EMULATED
// Memory that is given back becomes free when the work before it has ended: who needs it waits, and nobody with it.
void testMemoryThatIsGivenBack() {
  setenv("INCACHE_EMULATED_MEMORY", std::to_string(8 << 20).c_str(), 1);
  GpuDevice device(0);
  void *most = device.allocate(7 << 20, false);
  Gate gate(device);
  device.release(most);
  void *again = nullptr;
  std::thread taker([&] { again = device.allocate(7 << 20, false); });
  gate.untilReached();
  device.release(device.allocate(1000, false));
  gate.open();
  taker.join();
  device.release(again);
  unsetenv("INCACHE_EMULATED_MEMORY");
}
#endif

}  // namespace

int main() {
  {
    GpuDevice device(0);
    testWaits(device);
    testCopies(device);
  }
#ifdef INCACHE_CUDA_EMULATED
  testMemoryThatIsGivenBack();
#endif
  std::puts("waits: all passed");
}
