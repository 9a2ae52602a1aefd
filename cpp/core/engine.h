// What holds memory and runs operations: the processor (cpu/engine.h) or a GPU (cuda_engine.h). The rest of core knows
// only this.
#pragma once
#include <string>

#include "../cpu/kernels.h"
#include "block.h"
#include "run_control.h"

namespace incache {

// Operations ready to run, in order.
class Program {
 public:
  virtual ~Program() = default;
  // Runs the operations, or enqueues them; `wait` and reading a block return when they have ended.
  // Throws an Error (INCACHE_CANCELLED) if it was ended early.
  virtual void run(RunControl &control) = 0;
  // Throws an Error if an operation has failed.
  virtual void wait() {}
};

// Calls that run, copy or load are made one at a time (Device::mutex). Meanwhile other threads may make and destroy blocks
// and programs.
class Engine {
 public:
  virtual ~Engine() = default;
  // The name in errors, such as "cpu" or "cuda:0".
  virtual const std::string &name() const = 0;
  // Such as "avx512bf16" or "sm_90".
  virtual const char *instructionSet() const = 0;
  // Runs multiply-adds on registers alone and returns how many floating-point operations they were.
  virtual double peak(int64_t rounds, incache_type type) const = 0;
  // Whether weights and buffers may be of a 16-bit type.
  virtual bool has(incache_type type) const = 0;
  // Whether blocks are memory of the process.
  virtual bool onHost() const = 0;

  enum class Contents { zeros, undefined };
  // Throws an Error (INCACHE_OUT_OF_MEMORY) that says how much was requested and how much is in use.
  virtual std::shared_ptr<Block> allocate(int64_t bytes, Contents contents) = 0;
  virtual void upload(Block &to, const void *from, int64_t bytes) = 0;
  virtual void download(const Block &from, void *to, int64_t bytes) = 0;

  // A weight of rows x depth, packed for products (Panels), as `type`.
  virtual std::shared_ptr<Block> pack(const Source &weight, int64_t rows, int64_t depth, incache_type type) = 0;
  // A tensor without packing, in float32.
  virtual std::shared_ptr<Block> widen(const Source &weight, int64_t count) = 0;

  // The operations and their memory must outlive the program.
  virtual std::unique_ptr<Program> prepare(const std::vector<BoundOp> &ops) = 0;

  uint64_t memory() const { return counter_->load(); }

 protected:
  MemoryCounter counter_ = std::make_shared<std::atomic<uint64_t>>(0);
};

}  // namespace incache
