// What is timed: some launches, on buffers of random values that are made for them.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "../../cuda/common/launch.cuh"
#include "../../cuda/common/storage.h"
#include "../../cuda/test/check.h"

namespace incache::cuda::bench {

struct Device {
  Chip chip;
  int64_t cacheBytes;
  cudaStream_t stream;
};

__device__ __forceinline__ void store(float *at, float value) { *at = value; }
__device__ __forceinline__ void store(Half *at, float value) { *at = toHalf(value); }

// From -scale to scale.
template <class T>
__global__ void fillRandomly(T *at, int64_t count, float scale, uint32_t seed) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    uint32_t bits = (static_cast<uint32_t>(i) ^ seed) * 2654435761u;
    bits = (bits ^ bits >> 15) * 2246822519u;
    store(at + i, scale * (static_cast<float>(bits >> 8) / 8388608.0f - 1.0f));
  }
}

// Buffers that live as long as a case.
class Buffers {
 public:
  explicit Buffers(const Device &device) : device_(device) {}
  ~Buffers() {
    // What fills them may not have begun where nothing has used them.
    cudaStreamSynchronize(device_.stream);
    for (void *at : all_) cudaFree(at);
  }
  Buffers(const Buffers &) = delete;

  Matrix half(int64_t rows, int64_t columns) { return {random<Half>(rows * columns), columns, rows, columns, kHalfType}; }
  Matrix full(int64_t rows, int64_t columns) { return {random<float>(rows * columns), columns, rows, columns, INCACHE_F32}; }
  Panels weight(int64_t rows, int64_t depth) {
    const float scale = 1 / std::sqrt(static_cast<float>(depth));
    return {static_cast<const Word *>(random<Half>(rows * weightStride(depth), scale)), rows, depth, kHalfType};
  }
  BoundPair pair(int64_t outputs, int64_t inputs, int64_t rank) { return {weight(rank, inputs), weight(outputs, rank)}; }
  int64_t bytes() const { return bytes_; }

 private:
  const Device &device_;
  std::vector<void *> all_;
  int64_t bytes_ = 0;
  uint32_t seed_ = 0;

  template <class T>
  void *random(int64_t elements, float scale = 1) {
    const int64_t bytes = elements * static_cast<int64_t>(sizeof(T));
    void *at = nullptr;
    test::expect(cudaMalloc(&at, static_cast<size_t>(bytes)) == cudaSuccess, "out of memory for %lld bytes", static_cast<long long>(bytes));
    all_.push_back(at);
    bytes_ += bytes;
    launch(fillRandomly<T>, dim3(256), dim3(256), 0, {device_.chip, device_.stream, nullptr}, static_cast<T *>(at), elements, scale, ++seed_);
    return at;
  }
};

inline Matrix columnsOf(const Matrix &m, int64_t first, int64_t count) {
  return {static_cast<char *>(m.at) + first * bytesOf(m.type), m.stride, m.rows, count, m.type};
}

struct Launch {
  const CudaKernel *kernel;
  BoundOp op;
};

// A row of the results.
struct Case {
  std::string level, name, shape;  // `level`: kernel, block or step
  int64_t sequences, tokens, rank;  // `rank`: 0 of what has none
  double flops, bytes;              // of a kernel, each operand moved once; 0 of a block or step
  // One more instance, on buffers of its own.
  std::function<std::vector<Launch>(Buffers &)> make;
  // How many steps it is, of which the mean is told.
  int steps = 1;
};

// Operations live to the end of the program, like the plan that one usually belongs to.
inline Op *operation(OpKind kind, Epilogue epilogue = Epilogue::none) {
  static std::vector<std::unique_ptr<Op>> all;
  all.push_back(std::make_unique<Op>());
  all.back()->kind = kind;
  all.back()->epilogue = epilogue;
  return all.back().get();
}
inline BoundOp bound(Op *op) {
  BoundOp b{};
  b.op = op;
  b.storage = kHalfType;
  return b;
}

inline BoundOp boundAttention(int64_t tokens, int64_t heads, int64_t width, const Matrix &qkv, const Matrix &out) {
  Op *op = operation(OpKind::attention);
  op->heads = heads;
  op->queryLength = op->keyLength = tokens;
  op->attentionScale = 1 / std::sqrt(static_cast<double>(width / heads));
  BoundOp b = bound(op);
  b.q = columnsOf(qkv, 0, width);
  b.k = columnsOf(qkv, width, width);
  b.v = columnsOf(qkv, 2 * width, width);
  b.out = out;
  return b;
}

}  // namespace incache::cuda::bench
