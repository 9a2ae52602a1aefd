#include "cuda_engine.h"

#include <algorithm>
#include <vector>

#include "cuda_library.h"
#include "device.h"
#include "error.h"
#include "half.h"
#include "shared_block.h"

namespace incache {
namespace {

std::string nameOfGpu(int index) { return "cuda:" + std::to_string(index); }

// An open device of the plugin; a call that fails throws an Error. Blocks and programs keep the device open.
class Gpu {
 public:
  const CudaPlugin &plugin = cudaPlugin();
  std::string name;
  GpuDevice *device = nullptr;

  explicit Gpu(int index) : name(nameOfGpu(index)) { call(plugin.open, index, &device); }
  ~Gpu() { plugin.close(device); }
  Gpu(const Gpu &) = delete;

  template <class Function, class... Arguments>
  void call(Function function, Arguments... arguments) const {
    GpuFailure failure{};
    const incache_status status = function(arguments..., &failure);
    if (status != INCACHE_OK) throw Error(status, name + ": " + failure.text);
  }
};
using SharedGpu = std::shared_ptr<const Gpu>;

class GpuBlock : public Block {
 public:
  GpuBlock(SharedGpu gpu, const MemoryCounter &counter, int64_t bytes, bool zeros)
      : Block(counter, take(*gpu, counter, bytes, zeros), bytes), gpu_(std::move(gpu)) {}
  ~GpuBlock() override { gpu_->plugin.release(gpu_->device, at()); }

 private:
  SharedGpu gpu_;

  static char *take(const Gpu &gpu, const MemoryCounter &counter, int64_t bytes, bool zeros) {
    void *at = nullptr;
    GpuFailure failure{};
    const incache_status status = gpu.plugin.allocate(gpu.device, std::min(bytes, kMostBytes), zeros, &at, &failure);
    if (status == INCACHE_OUT_OF_MEMORY)
      throw OutOfMemory(gpu.name, static_cast<uint64_t>(bytes), counter->load(), counter->load() + failure.freeMemory);
    if (status != INCACHE_OK) throw Error(status, gpu.name + ": " + failure.text);
    return static_cast<char *>(at);
  }
};

class CudaProgram : public Program {
 public:
  template <class Allocate>
  CudaProgram(const SharedGpu &gpu, SharedBlock &scratch, const Allocate &allocate, const std::vector<BoundOp> &ops)
      : gpu_(gpu), operations_(ops.size()), scratch_(scratch.atLeast(gpu->plugin.scratch(gpu->device, ops.data(), ops.size()), allocate)) {
    gpu_->call(gpu_->plugin.record, gpu_->device, ops.data(), ops.size(), static_cast<void *>(scratch_->at()), &program_);
  }
  // Runs in progress keep what they need of a program; the memory that they use is freed after them.
  ~CudaProgram() override { gpu_->plugin.destroy(program_); }
  void run(RunControl &control) override {
    control.requireNotCancelled();
    gpu_->call(gpu_->plugin.run, program_);
    control.ended(operations_);
  }
  void wait() override { gpu_->call(gpu_->plugin.wait, gpu_->device); }

 private:
  SharedGpu gpu_;
  uint64_t operations_;
  std::shared_ptr<Block> scratch_;
  GpuProgram *program_ = nullptr;
};

class CudaEngine : public Engine {
 public:
  CudaEngine(int index, Host &host) : host_(host), gpu_(std::make_shared<const Gpu>(index)) {
    GpuFacts facts;
    gpu_->call(gpu_->plugin.describe, index, &facts);
    instructionSet_ = "sm_" + std::to_string(facts.computeCapability);
  }

  const std::string &name() const override { return gpu_->name; }
  const char *instructionSet() const override { return instructionSet_.c_str(); }
  double peak(int64_t, incache_type) const override {
    throw Error(INCACHE_BAD_ARGUMENT, "the device is " + name() + "; expected cpu, whose registers this measures");
  }
  bool has(incache_type type) const override { return is16Bit(type) || type == INCACHE_E4M3; }
  bool onHost() const override { return false; }

  std::shared_ptr<Block> allocate(int64_t bytes, Contents contents) override {
    return std::make_shared<GpuBlock>(gpu_, counter_, bytes, contents == Contents::zeros);
  }
  void upload(Block &to, const void *from, int64_t bytes) override {
    gpu_->call(gpu_->plugin.upload, gpu_->device, static_cast<void *>(to.at()), from, bytes);
  }
  void download(const Block &from, void *to, int64_t bytes) override {
    gpu_->call(gpu_->plugin.download, gpu_->device, to, static_cast<const void *>(from.at()), bytes);
  }

  std::shared_ptr<Block> pack(const Source &weight, int64_t rows, int64_t depth, incache_type type) override {
    return type == INCACHE_F32 ? packAs<float>(weight, rows, depth, type) : packAs<uint16_t>(weight, rows, depth, type);
  }

  std::shared_ptr<Block> widen(const Source &weight, int64_t count) override {
    std::vector<float> values(static_cast<size_t>(count));
    host_.kernels.widen(weight, count, values.data());
    return uploaded(values);
  }

  std::unique_ptr<Program> prepare(const std::vector<BoundOp> &ops) override {
    const auto take = [&](int64_t bytes) { return allocate(bytes, Contents::undefined); };
    return std::make_unique<CudaProgram>(gpu_, scratch_, take, ops);
  }

 private:
  Host &host_;
  const SharedGpu gpu_;
  SharedBlock scratch_;
  std::string instructionSet_;

  template <class T>
  std::shared_ptr<Block> uploaded(const std::vector<T> &values) {
    const int64_t bytes = static_cast<int64_t>(values.size() * sizeof(T));
    const std::shared_ptr<Block> block = allocate(bytes, Contents::undefined);
    upload(*block, values.data(), bytes);
    return block;
  }

  // Rows as they are, each padded with zeros to the stride that the plugin's kernels need.
  template <class T>
  std::shared_ptr<Block> packAs(const Source &weight, int64_t rows, int64_t depth, incache_type type) {
    const int64_t stride = gpu_->plugin.weightStride(depth), step = weight.stride * bytesOf(weight.type);
    std::vector<T> packed(static_cast<size_t>(rows * stride));
    host_.pool.run(rows, [&](int64_t row, int64_t) {
      const Source from{static_cast<const char *>(weight.at) + row * step, weight.type, 0};
      packRow(from, depth, packed.data() + row * stride, type);
    });
    return uploaded(packed);
  }
  void packRow(const Source &from, int64_t depth, float *to, incache_type) const { host_.kernels.widen(from, depth, to); }
  void packRow(const Source &from, int64_t depth, uint16_t *to, incache_type type) const {
    constexpr int64_t kPiece = 1024;
    float values[kPiece];
    for (int64_t first = 0; first < depth; first += kPiece) {
      const int64_t some = std::min(kPiece, depth - first);
      host_.kernels.widen({static_cast<const char *>(from.at) + first * bytesOf(from.type), from.type, 0}, some, values);
      std::transform(values, values + some, to + first, [&](float value) { return narrowHalf(value, type); });
    }
  }
};

}  // namespace

std::unique_ptr<Engine> cudaEngine(int index, Host &host) { return std::make_unique<CudaEngine>(index, host); }

DeviceFacts describeGpu(int index) {
  GpuFacts facts;
  GpuFailure failure;
  const incache_status status = cudaPlugin().describe(index, &facts, &failure);
  if (status != INCACHE_OK) throw Error(status, nameOfGpu(index) + ": " + failure.text);
  return {facts.name, facts.memory};
}

}  // namespace incache
