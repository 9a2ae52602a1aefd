// Times CUDA kernels one by one, at the shapes of DiT-XL/2; writes a line of JSON for each.
//
//   kernels [--small]        --small: shapes that the emulator can run, to see that the program works
//
// Times are medians over replays of a CUDA graph, by CUDA events. A graph holds an operation several times, each on buffers
// of its own, so that together they pass through more than the level-2 cache holds. Beside each time stands the floor that
// memory sets: its bytes, each operand moved once, over the measured rate of a copy.
#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "../../cuda/common/values.cuh"
#include "../../cuda/test/check.h"

using namespace incache;
using namespace incache::cuda;
using incache::cuda::test::allocate;
using incache::cuda::test::expect;

namespace {

constexpr int kReplays = 50;

__global__ void fillRandomly(bf16 *at, int64_t count, uint32_t seed) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    uint32_t bits = (static_cast<uint32_t>(i) ^ seed) * 2654435761u;
    bits = (bits ^ bits >> 15) * 2246822519u;
    at[i] = toBf16(static_cast<float>(bits >> 8) / 8388608.0f - 1.0f);
  }
}

struct Device {
  Chip chip;
  int64_t cacheBytes;
  cudaStream_t stream;
};

Device openDevice() {
  cudaDeviceProp properties;
  expect(cudaGetDeviceProperties(&properties, 0) == cudaSuccess, "there is no CUDA device");
  Device device{{properties.major * 10 + properties.minor, properties.multiProcessorCount, static_cast<int64_t>(properties.sharedMemPerBlockOptin)},
                properties.l2CacheSize,
                nullptr};
  cudaStreamCreateWithFlags(&device.stream, cudaStreamNonBlocking);
  std::printf("{\"device\":\"%s\",\"multiprocessors\":%d}\n", properties.name, properties.multiProcessorCount);
  return device;
}

// Buffers that live as long as a case.
class Buffers {
 public:
  explicit Buffers(const Device &device) : device_(device) {}
  ~Buffers() {
    for (void *at : all_) cudaFree(at);
  }
  Buffers(const Buffers &) = delete;
  void *random(int64_t elements) {
    void *at = nullptr;
    expect(cudaMalloc(&at, static_cast<size_t>(elements * 2)) == cudaSuccess, "out of memory for %lld values", static_cast<long long>(elements));
    all_.push_back(at);
    launch(fillRandomly, dim3(256), dim3(256), 0, {device_.chip, device_.stream, nullptr}, static_cast<bf16 *>(at), elements, ++seed_);
    return at;
  }
  Matrix matrix(int64_t rows, int64_t columns) { return {random(rows * columns), columns, rows, columns, INCACHE_BF16}; }
  Panels weight(int64_t rows, int64_t depth) { return {static_cast<const Word *>(random(rows * weightStride(depth))), rows, depth, true}; }

 private:
  const Device &device_;
  std::vector<void *> all_;
  uint32_t seed_ = 0;
};

struct Case {
  std::string kernel, shape;
  const CudaKernel *run;
  double operations, bytes;
  // One more instance, on buffers of its own.
  std::function<BoundOp(Buffers &)> make;
};

Matrix columnsOf(const Matrix &m, int64_t first, int64_t count) { return {static_cast<char *>(m.at) + first * 2, m.stride, m.rows, count, m.type}; }

const Op *operation(OpKind kind, Epilogue epilogue = Epilogue::none) {
  // Lives to the end of the program, like the plan that an operation usually belongs to.
  static std::vector<std::unique_ptr<Op>> all;
  all.push_back(std::make_unique<Op>());
  all.back()->kind = kind;
  all.back()->epilogue = epilogue;
  return all.back().get();
}

Case linear(const char *name, int64_t rows, int64_t depth, int64_t width, Epilogue epilogue) {
  const Op *op = operation(OpKind::linear, epilogue);
  return {"linear", name + (" " + std::to_string(rows)) + " x " + std::to_string(depth) + " -> " + std::to_string(width), &kLinear,
          2.0 * static_cast<double>(rows * depth * width), 2.0 * static_cast<double>(rows * depth + depth * width + rows * width), [=](Buffers &buffers) {
            BoundOp b{};
            b.op = op;
            b.x = buffers.matrix(rows, depth);
            b.weight = buffers.weight(width, depth);
            b.bias = buffers.matrix(1, width);
            b.out = buffers.matrix(rows, width);
            return b;
          }};
}

Case calibratedLinear(const char *name, int64_t rows, int64_t depth, int64_t width, int64_t parts, int64_t rank) {
  const Op *op = operation(OpKind::calibratedLinear);
  const double products = static_cast<double>(rows * rank * (parts * depth + width));
  return {"calibratedLinear", name + (" " + std::to_string(rows)) + " x " + std::to_string(depth) + " -> " + std::to_string(rank) + " -> " + std::to_string(width),
          &kCalibratedLinear, 2 * products, 2.0 * static_cast<double>(2 * rows * depth + 2 * rows * width + rank * (parts * depth + width)),
          [=](Buffers &buffers) {
            BoundOp b{};
            b.op = op;
            b.x = buffers.matrix(rows, depth);
            b.cachedInput = buffers.matrix(rows, depth);
            b.cachedOutput = buffers.matrix(rows, width);
            for (int64_t part = 0; part < parts; part++) b.factors.push_back({buffers.weight(rank, depth), buffers.weight(width / parts, rank)});
            b.out = buffers.matrix(rows, width);
            return b;
          }};
}

Case calibratedMlp(int64_t rows, int64_t width, int64_t rank) {
  const Op *op = operation(OpKind::calibratedMlp);
  const int64_t hidden = 4 * width;
  return {"calibratedMlp", std::to_string(rows) + " x " + std::to_string(width) + ", r = " + std::to_string(rank), &kCalibratedMlp,
          4.0 * static_cast<double>(rows * rank * (width + hidden)),
          2.0 * static_cast<double>(rows * (4 * width + hidden) + 2 * rank * (width + hidden)), [=](Buffers &buffers) {
            BoundOp b{};
            b.op = op;
            b.x = buffers.matrix(rows, width);
            b.cachedInput = buffers.matrix(rows, width);
            b.cachedPreActivation = buffers.matrix(rows, hidden);
            b.cachedOutput = buffers.matrix(rows, width);
            b.factors = {{buffers.weight(rank, width), buffers.weight(hidden, rank)}, {buffers.weight(rank, hidden), buffers.weight(width, rank)}};
            b.out = buffers.matrix(rows, width);
            return b;
          }};
}

Case attention(int64_t images, int64_t tokens, int64_t heads, int64_t headWidth) {
  Op *op = const_cast<Op *>(operation(OpKind::attention));
  op->heads = heads;
  op->queryLength = op->keyLength = tokens;
  op->attentionScale = 1 / std::sqrt(static_cast<double>(headWidth));
  const int64_t rows = images * tokens, width = heads * headWidth;
  return {"attention", std::to_string(images) + " of " + std::to_string(tokens) + " tokens, " + std::to_string(heads) + " heads of " + std::to_string(headWidth),
          &kAttention, 4.0 * static_cast<double>(rows * tokens * width), 8.0 * static_cast<double>(rows * width), [=](Buffers &buffers) {
            BoundOp b{};
            b.op = op;
            const Matrix qkv = buffers.matrix(rows, 3 * width);
            b.q = columnsOf(qkv, 0, width);
            b.k = columnsOf(qkv, width, width);
            b.v = columnsOf(qkv, 2 * width, width);
            b.out = buffers.matrix(rows, width);
            return b;
          }};
}

Case layerNorm(int64_t images, int64_t tokens, int64_t width) {
  Op *op = const_cast<Op *>(operation(OpKind::layerNormModulate));
  op->epsilon = 1e-6;
  const int64_t rows = images * tokens;
  return {"layerNormModulate", std::to_string(rows) + " x " + std::to_string(width), &kLayerNormModulate, 0, 4.0 * static_cast<double>(rows * width),
          [=](Buffers &buffers) {
            BoundOp b{};
            b.op = op;
            b.x = buffers.matrix(rows, width);
            b.shift = buffers.matrix(images, width);
            b.scale = buffers.matrix(images, width);
            b.out = buffers.matrix(rows, width);
            return b;
          }};
}

std::vector<Case> casesFor(int64_t images, int64_t tokens, int64_t width, int64_t heads) {
  const int64_t rows = images * tokens;
  std::vector<Case> cases = {
      linear("qkv", rows, width, 3 * width, Epilogue::none), linear("proj", rows, width, width, Epilogue::none),
      linear("fc1", rows, width, 4 * width, Epilogue::gelu),  linear("fc2", rows, 4 * width, width, Epilogue::none),
      attention(images, tokens, heads, width / heads),        layerNorm(images, tokens, width),
  };
  for (const int64_t rank : {32, 64, 128, 256}) {
    cases.push_back(calibratedLinear("qkv", rows, width, 3 * width, 3, rank));
    cases.push_back(calibratedLinear("proj", rows, width, width, 1, rank));
    cases.push_back(calibratedLinear("fc1", rows, width, 4 * width, 1, rank));
    cases.push_back(calibratedLinear("fc2", rows, 4 * width, width, 1, rank));
    cases.push_back(calibratedMlp(rows, width, rank));
  }
  return cases;
}

// Milliseconds of one instance, median over replays.
double time(const Device &device, const Case &c) {
  Buffers buffers(device);
  const int64_t copies = std::clamp<int64_t>(static_cast<int64_t>(3.0 * static_cast<double>(device.cacheBytes) / c.bytes), 2, 32);
  std::vector<BoundOp> ops;
  for (int64_t i = 0; i < copies; i++) ops.push_back(c.make(buffers));
  const int64_t scratchBytes = c.run->scratch(ops[0], device.chip);
  char *scratch = scratchBytes > 0 ? static_cast<char *>(allocate(scratchBytes)) : nullptr;
  cudaStreamSynchronize(device.stream);

  cudaGraph_t graph;
  cudaGraphExec_t executable;
  cudaStreamBeginCapture(device.stream, cudaStreamCaptureModeThreadLocal);
  for (const BoundOp &op : ops) c.run->launch(op, {device.chip, device.stream, scratch});
  cudaStreamEndCapture(device.stream, &graph);
  expect(cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess, "%s %s: the graph was refused", c.kernel.c_str(), c.shape.c_str());
  cudaEvent_t start, end;
  cudaEventCreate(&start);
  cudaEventCreate(&end);
  std::vector<float> times;
  for (int i = -3; i < kReplays; i++) {
    cudaEventRecord(start, device.stream);
    cudaGraphLaunch(executable, device.stream);
    cudaEventRecord(end, device.stream);
    expect(cudaStreamSynchronize(device.stream) == cudaSuccess, "%s %s: it failed", c.kernel.c_str(), c.shape.c_str());
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, start, end);
    if (i >= 0) times.push_back(milliseconds / static_cast<float>(copies));
  }
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaFree(scratch);
  std::nth_element(times.begin(), times.begin() + kReplays / 2, times.end());
  return times[kReplays / 2];
}

// Bytes a millisecond, read and written, of a copy within the device.
double copyRate(const Device &device, int64_t bytes) {
  Buffers buffers(device);
  void *from = buffers.random(bytes / 2), *to = buffers.random(bytes / 2);
  cudaEvent_t start, end;
  cudaEventCreate(&start);
  cudaEventCreate(&end);
  float best = 0;
  for (int i = 0; i < 10; i++) {
    cudaEventRecord(start, device.stream);
    cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, device.stream);
    cudaEventRecord(end, device.stream);
    cudaStreamSynchronize(device.stream);
    float milliseconds = 0;
    cudaEventElapsedTime(&milliseconds, start, end);
    best = std::max(best, static_cast<float>(2 * bytes) / milliseconds);
  }
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  return best;
}

}  // namespace

int main(int count, char **arguments) {
  const bool small = count > 1 && std::string(arguments[1]) == "--small";
  const Device device = openDevice();
  const double copy = copyRate(device, small ? 1 << 20 : 1 << 30);
  std::printf("{\"copyGBs\":%.1f}\n", copy / 1e6);
  const std::vector<int64_t> batches = small ? std::vector<int64_t>{1} : std::vector<int64_t>{4, 32, 128};
  for (const int64_t tokens : small ? std::vector<int64_t>{16} : std::vector<int64_t>{256, 1024})
    for (const int64_t images : batches)
      for (const Case &c : casesFor(images, tokens, small ? 144 : 1152, small ? 2 : 16)) {
        const double milliseconds = time(device, c);
        std::printf("{\"kernel\":\"%s\",\"shape\":\"%s\",\"sequences\":%lld,\"tokens\":%lld,\"ms\":%.5f,\"tflops\":%.2f,\"gbs\":%.1f,\"memoryFloorMs\":%.5f}\n",
                    c.kernel.c_str(), c.shape.c_str(), static_cast<long long>(images), static_cast<long long>(tokens), milliseconds,
                    c.operations / milliseconds / 1e9, c.bytes / milliseconds / 1e6, c.bytes / copy);
        std::fflush(stdout);
      }
}
