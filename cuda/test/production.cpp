// The products and the attention of a block of DiT-XL/2, in full, gathered and calibrated, at the numbers of rows that runs have, and the
// convolutions of an autoencoder's decoder: each against the exact kernels of float32, on the device itself, and against itself in
// repeated runs.
//
//   production [linear|calibratedLinear|calibratedMlp|attention|convolution]... [--tiny]
//
// All operations, or those that are named; --tiny, and always on the emulator: of a few rows. Which kernels are compared is as for a
// device that is opened: by INCACHE_CUDA_UNPROVEN. A line for each case, then how many passed and failed.
#include <algorithm>
#include <string>

#include "../../bench/cuda/blockCases.h"
#include "../runtime/find.h"

namespace incache::cuda::bench {
namespace {

using test::expect;
using test::halfBound;

#ifdef INCACHE_CUDA_EMULATED
constexpr bool kEmulated = true;
#else
constexpr bool kEmulated = false;
#endif
constexpr int kRepeats = kEmulated ? 1 : 20;

// ---- Sums over device memory ------------------------------------------------------------------------------------------------

struct TwoSums {
  double first = 0, second = 0;
};
constexpr int kSumBlocks = kEmulated ? 1 : 64, kSumThreads = 256;

// Of what f gives for every place; each thread leaves its own sums.
template <class F>
__global__ void sumPlaces(F f, int64_t count, TwoSums *sums) {
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  TwoSums own;
  for (int64_t i = thread; i < count; i += static_cast<int64_t>(gridDim.x) * blockDim.x) {
    const TwoSums value = f(i);
    own.first += value.first;
    own.second += value.second;
  }
  sums[thread] = own;
}

// Of dense matrices: square of the error, and of what is expected.
struct SquaredError {
  Operand got, expected;
  int64_t columns;
  __device__ TwoSums operator()(int64_t i) const {
    const double e = expected.read(i / columns, i % columns), d = got.read(i / columns, i % columns) - e;
    return {d * d, e * e};
  }
};
struct Difference {
  const uint16_t *a, *b;
  __device__ TwoSums operator()(int64_t i) const { return {a[i] == b[i] ? 0.0 : 1.0, 0}; }
};

__global__ void widenElements(Operand from, float *to, int64_t rows, int64_t columns) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < rows * columns; i += static_cast<int64_t>(gridDim.x) * blockDim.x)
    to[i] = from.read(i / columns, i % columns);
}

// ---- A case -------------------------------------------------------------------------------------------------------------------

class Comparison {
 public:
  Comparison(const Device &device, const Launch &launch)
      : device_(device), buffers_(device), kernel_(*launch.kernel), fast_(launch.op), exact_(launch.op) {
    // Apart from the residual, so that runs can be repeated.
    separate(&BoundOp::out);
    if (fast_.store.at) separate(&BoundOp::store);
    for (Matrix BoundOp::*m : {&BoundOp::q, &BoundOp::k, &BoundOp::v}) exact_.*m = widened(exact_.*m);
    if (exact_.weight.at) exact_.weight = widened(exact_.weight);
    for (BoundPair &pair : exact_.factors) pair = {widened(pair.down), widened(pair.up)};
  }

  // The larger relative L2 error of what the operation writes; NaN where anything is.
  double error() {
    run(exact_);
    run(fast_);
    const double out = errorOf(fast_.out, exact_.out), store = fast_.store.at ? errorOf(fast_.store, exact_.store) : 0;
    return out >= store ? out : std::isnan(out) ? out : store;
  }

  // How many of further runs leave other bits than the last one.
  int unequalRuns(int runs) {
    const Matrix first = like(fast_.out, fast_.out.type);
    cudaMemcpyAsync(first.at, fast_.out.at, bytesOfAll(first), cudaMemcpyDeviceToDevice, device_.stream);
    int unequal = 0;
    for (int i = 0; i < runs; i++) {
      run(fast_);
      const Difference difference{static_cast<const uint16_t *>(first.at), static_cast<const uint16_t *>(fast_.out.at)};
      if (sum(difference, static_cast<int64_t>(bytesOfAll(first) / 2)).first > 0) unequal++;
    }
    return unequal;
  }

 private:
  const Device &device_;
  Buffers buffers_;
  const CudaKernel &kernel_;
  BoundOp fast_, exact_;

  static size_t bytesOfAll(const Matrix &m) { return static_cast<size_t>(m.rows * m.columns * bytesOf(m.type)); }
  Matrix like(const Matrix &m, incache_type type) {
    return type == INCACHE_F32 ? buffers_.full(m.rows, m.columns) : buffers_.half(m.rows, m.columns);
  }
  void separate(Matrix BoundOp::*m) {
    fast_.*m = like(fast_.*m, (fast_.*m).type);
    exact_.*m = like(exact_.*m, INCACHE_F32);
  }
  Matrix widened(const Matrix &m) {
    if (!m.at) return m;
    const Matrix wide = buffers_.full(m.rows, m.columns);
    launch(widenElements, dim3(kSumBlocks), dim3(kSumThreads), 0, context(nullptr), operandOf(m), static_cast<float *>(wide.at), m.rows, m.columns);
    return wide;
  }
  Panels widened(const Panels &w) {
    const int64_t stride = weightStride(w.depth);
    const Matrix wide = widened(Matrix{const_cast<Word *>(w.at), stride, w.rows, stride, w.type});
    return {static_cast<const Word *>(wide.at), w.rows, w.depth, INCACHE_F32};
  }
  LaunchContext context(void *scratch) const { return {device_.chip, device_.stream, static_cast<char *>(scratch)}; }

  // With NaN in what it writes and in its scratch.
  void run(const BoundOp &b) {
    const size_t bytes = static_cast<size_t>(kernel_.scratch(b, device_.chip)) + 1;
    void *scratch = nullptr;
    expect(cudaMallocAsync(&scratch, bytes, device_.stream) == cudaSuccess, "out of memory for scratch");
    cudaMemsetAsync(scratch, 0xff, bytes, device_.stream);
    for (const Matrix &m : {b.out, b.store})
      if (m.at) cudaMemsetAsync(m.at, 0xff, bytesOfAll(m), device_.stream);
    kernel_.launch(b, context(scratch));
    cudaFreeAsync(scratch, device_.stream);
    finish();
  }
  // Nothing more can be done on a device that has failed.
  void finish() const {
    const cudaError_t launched = cudaGetLastError(), ended = cudaStreamSynchronize(device_.stream);
    const cudaError_t error = launched != cudaSuccess ? launched : ended;
    if (error == cudaSuccess) return;
    std::printf("failed: %s\n", cudaGetErrorString(error));
    std::exit(1);
  }

  template <class F>
  TwoSums sum(const F &f, int64_t count) {
    constexpr size_t kSums = size_t{kSumBlocks} * kSumThreads;
    void *sums = nullptr;
    expect(cudaMallocAsync(&sums, kSums * sizeof(TwoSums), device_.stream) == cudaSuccess, "out of memory for sums");
    launch(sumPlaces<F>, dim3(kSumBlocks), dim3(kSumThreads), 0, context(nullptr), f, count, static_cast<TwoSums *>(sums));
    std::vector<TwoSums> all(kSums);
    cudaMemcpyAsync(all.data(), sums, kSums * sizeof(TwoSums), cudaMemcpyDeviceToHost, device_.stream);
    cudaFreeAsync(sums, device_.stream);
    finish();
    TwoSums total;
    for (const TwoSums &one : all) total.first += one.first, total.second += one.second;
    return total;
  }
  double errorOf(const Matrix &got, const Matrix &expected) {
    const TwoSums squares = sum(SquaredError{operandOf(got), operandOf(expected), got.columns}, got.rows * got.columns);
    return std::sqrt(squares.first / squares.second);
  }
};

// ---- All of them ----------------------------------------------------------------------------------------------------------------

// None of what has no exact kernel.
const char *nameOf(const CudaKernel *kernel) {
  if (kernel == &kLinear) return "linear";
  if (kernel == &kCalibratedLinear) return "calibratedLinear";
  if (kernel == &kCalibratedMlp) return "calibratedMlp";
  if (kernel == &kConvolution) return "convolution";
  return kernel == &kAttention ? "attention" : nullptr;
}

struct Outcome {
  int passed = 0, failed = 0;
};

// Whether the operation is among those that were asked for.
bool isChosen(const char *name, const std::vector<std::string> &chosen) {
  return name && (chosen.empty() || std::find(chosen.begin(), chosen.end(), name) != chosen.end());
}

void compare(const Device &device, const Launch &l, const std::string &where, Outcome &outcome) {
  Comparison comparison(device, l);
  const double error = comparison.error();
  const int unequal = comparison.unequalRuns(kRepeats);
  const bool passed = error <= halfBound(4e-3) && unequal == 0;
  std::printf("%s: %s %s, %lld rows, to %lld columns: error %.1e, %d of %d runs differ\n", passed ? "passed" : "failed", nameOf(l.kernel), where.c_str(),
              static_cast<long long>(l.op.out.rows), static_cast<long long>(l.op.out.columns), error, unequal, kRepeats);
  std::fflush(stdout);
  (passed ? outcome.passed : outcome.failed)++;
}

void compareBlock(const Device &device, const BlockShape &shape, BlockKind kind, const std::vector<std::string> &chosen, Outcome &outcome) {
  constexpr const char *kKinds[] = {"of a full block", "of a gathered block", "of a calibrated block"};
  Buffers buffers(device);
  for (const Launch &l : BlockOps(buffers, shape, kind).launches)
    if (isChosen(nameOf(l.kernel), chosen)) compare(device, l, kKinds[static_cast<int>(kind)], outcome);
}

// 3 x 3, of one square picture.
struct Convolution {
  int64_t side, inputs, outputs, stride, upsample;
  bool residual;
};
// Each kind that the decoder of a picture of 256 x 256 has, and one of its encoder.
constexpr Convolution kConvolutions[] = {{32, 512, 512, 1, 1, true},   {32, 512, 512, 1, 2, false},  {128, 512, 256, 1, 1, false},
                                         {256, 256, 128, 1, 1, false}, {256, 128, 128, 1, 1, true}, {256, 128, 3, 1, 1, false},
                                         {256, 128, 128, 2, 1, false}};
constexpr Convolution kTinyConvolutions[] = {{6, 24, 40, 1, 1, true}, {5, 16, 24, 1, 2, false}};

void compareConvolution(const Device &device, const Convolution &c, Outcome &outcome) {
  Buffers buffers(device);
  Op *op = operation(OpKind::convolution, c.residual ? Epilogue::residual : Epilogue::none);
  op->height = op->width = c.side, op->kernel = 3, op->stride = c.stride, op->upsample = c.upsample;
  op->padBottom = op->padRight = 1, op->padTop = op->padLeft = c.stride == 1 ? 1 : 0;
  const int64_t side = c.side * c.upsample / c.stride;
  BoundOp b = bound(op);
  b.x = buffers.half(c.side * c.side, c.inputs);
  b.weight = buffers.weight(c.outputs, 9 * c.inputs);
  b.bias = buffers.full(1, c.outputs);
  if (c.residual) b.residual = buffers.half(side * side, c.outputs);
  b.out = buffers.half(side * side, c.outputs);
  compare(device, {&kConvolution, b}, "of a decoder", outcome);
}

int compareAll(int count, char **arguments) {
  bool tiny = kEmulated;
  std::vector<std::string> chosen;
  for (int i = 1; i < count; i++)
    if (std::string(arguments[i]) == "--tiny")
      tiny = true;
    else
      chosen.push_back(arguments[i]);
  Device device{chipOf(propertiesOf(0)), 0, nullptr};
  cudaStreamCreateWithFlags(&device.stream, cudaStreamNonBlocking);
  // An image without guidance, and with guidance 1, 2, 16 and 32.
  std::vector<BlockShape> shapes;
  std::vector<Convolution> convolutions(std::begin(kConvolutions), std::end(kConvolutions));
  if (tiny)
    shapes = {{1, 40, 72, 1, 24}}, convolutions.assign(std::begin(kTinyConvolutions), std::end(kTinyConvolutions));
  else
    for (const int64_t sequences : {1, 2, 4, 32, 64}) shapes.push_back({sequences, 256, 1152, 16, 128});
  Outcome outcome;
  for (const BlockShape &shape : shapes)
    for (const BlockKind kind : {BlockKind::full, BlockKind::gather, BlockKind::scatter}) compareBlock(device, shape, kind, chosen, outcome);
  if (isChosen(nameOf(&kConvolution), chosen))
    for (const Convolution &c : convolutions) compareConvolution(device, c, outcome);
  std::printf("%d passed, %d failed\n", outcome.passed, outcome.failed);
  return outcome.failed > 0 || outcome.passed == 0;
}

}  // namespace
}  // namespace incache::cuda::bench

int main(int count, char **arguments) { return incache::cuda::bench::compareAll(count, arguments); }
