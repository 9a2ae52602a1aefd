#include "engine.h"

#include <algorithm>
#include <cstring>

#include "../core/shared_block.h"
#include "memory.h"

namespace incache {
namespace {

class CpuProgram : public Program {
 public:
  template <class Allocate>
  CpuProgram(Host &host, SharedBlock &scratch, const Allocate &allocate, const std::vector<BoundOp> &ops)
      : host_(host), ops_(ops), scratchBytes_(scratchFor(host, ops)), scratch_(scratch.atLeast(scratchBytes_ * host.pool.threads(), allocate)) {}

  void run(RunControl &control) override {
    const int64_t threads = host_.pool.threads();
    for (const BoundOp &b : ops_) {
      const Kernel &kernel = host_.kernels.kernels[static_cast<int>(b.op->kind)];
      const int64_t tasks = kernel.tasks(b, threads);
      host_.pool.run(tasks, [&](int64_t task, int64_t thread) {
        // One operation can take many seconds, so every task checks.
        if (!control.cancelled()) kernel.run(b, task, tasks, threads, scratch_->at() + thread * scratchBytes_);
      });
      control.ended(1);
    }
  }

 private:
  Host &host_;
  const std::vector<BoundOp> &ops_;
  // Scratch of one thread; large enough for every operation.
  int64_t scratchBytes_;
  std::shared_ptr<Block> scratch_;

  static int64_t scratchFor(const Host &host, const std::vector<BoundOp> &ops) {
    int64_t bytes = 0;
    for (const BoundOp &b : ops) bytes = std::max(bytes, host.kernels.kernels[static_cast<int>(b.op->kind)].scratch(b, host.pool.threads()));
    // Whole cache lines, so that threads do not share one.
    return (bytes + 63) / 64 * 64;
  }
};

class CpuEngine : public Engine {
 public:
  explicit CpuEngine(Host &host) : host_(host) {}

  const std::string &name() const override { return name_; }
  const char *instructionSet() const override { return host_.kernels.name; }
  double peak(int64_t rounds, incache_type type) const override { return host_.kernels.peak(rounds, type); }
  bool has(incache_type type) const override { return type == INCACHE_BF16 || type == INCACHE_E4M3; }
  bool onHost() const override { return true; }

  std::shared_ptr<Block> allocate(int64_t bytes, Contents) override { return std::make_shared<CpuBlock>(counter_, host_.pages, bytes); }
  void upload(Block &to, const void *from, int64_t bytes) override { std::memcpy(to.at(), from, static_cast<size_t>(bytes)); }
  void download(const Block &from, void *to, int64_t bytes) override { std::memcpy(to, from.at(), static_cast<size_t>(bytes)); }

  std::shared_ptr<Block> pack(const Source &weight, int64_t rows, int64_t depth, incache_type type) override {
    const KernelSet &kernels = host_.kernels;
    const std::shared_ptr<Block> block = allocate(kernels.packedWords(rows, depth, type) * 4, Contents::undefined);
    host_.pool.run((rows + kernels.panel - 1) / kernels.panel, [&](int64_t panel, int64_t) {
      kernels.pack(weight, rows, depth, type, panel, panel + 1, reinterpret_cast<Word *>(block->at()));
    });
    return block;
  }

  std::shared_ptr<Block> widen(const Source &weight, int64_t count) override {
    const std::shared_ptr<Block> block = allocate(count * 4, Contents::undefined);
    host_.kernels.widen(weight, count, reinterpret_cast<float *>(block->at()));
    return block;
  }

  std::unique_ptr<Program> prepare(const std::vector<BoundOp> &ops) override {
    const auto take = [&](int64_t bytes) { return allocate(bytes, Contents::undefined); };
    return std::make_unique<CpuProgram>(host_, scratch_, take, ops);
  }

 private:
  Host &host_;
  SharedBlock scratch_;
  const std::string name_ = "cpu";
};

}  // namespace

std::unique_ptr<Engine> cpuEngine(Host &host) { return std::make_unique<CpuEngine>(host); }

}  // namespace incache
