// What the tests of kernels share: random numbers, poisoned memory, errors against float64.
#pragma once
#include <cmath>
#include <limits>

#include "../../cpp/core/half.h"
#include "../common/launch.cuh"
#include "../common/values.cuh"
#include "memory.h"

namespace incache::cuda::test {

// The same numbers at every run.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint32_t bits() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state_ >> 33);
  }
  // From -1 to 1.
  float value() { return static_cast<float>(bits()) / 1073741824.0f - 1.0f; }
  int64_t from(int64_t least, int64_t most) { return least + static_cast<int64_t>(bits()) % (most - least + 1); }

 private:
  uint64_t state_;
};

inline double elementAt(const void *at, int64_t place, incache_type type) {
  return is16Bit(type) ? widenHalf(static_cast<const uint16_t *>(at)[place], type) : static_cast<const float *>(at)[place];
}
inline void setElement(void *at, int64_t place, incache_type type, float value) {
  if (is16Bit(type))
    static_cast<uint16_t *>(at)[place] = narrowHalf(value, type);
  else
    static_cast<float *>(at)[place] = value;
}

// A rows x columns operand inside a larger buffer, `margin` elements of NaN on its left and right, `further` more on its right, and a
// row above and below.
class Tensor {
 public:
  Tensor(int64_t rows, int64_t columns, incache_type type, int64_t margin = 0, int64_t further = 0)
      : rows_(rows), columns_(columns), margin_(margin), stride_(columns + 2 * margin + further), type_(type),
        buffer_((rows + 2) * stride_ * bytesOf(type)) {
  }

  Matrix matrix() const { return {static_cast<char *>(buffer_.device()) + origin(), stride_, rows_, columns_, type_}; }
  Matrix columnsFrom(int64_t first, int64_t count) const {
    const Matrix m = matrix();
    return {static_cast<char *>(m.at) + first * bytesOf(type_), stride_, rows_, count, type_};
  }
  double at(int64_t row, int64_t column) const { return elementAt(host(), row * stride_ + column, type_); }
  void set(int64_t row, int64_t column, float value) { setElement(host(), row * stride_ + column, type_, value); }
  Tensor &fill(Random &random, float scale = 1) {
    for (int64_t i = 0; i < rows_; i++)
      for (int64_t j = 0; j < columns_; j++) set(i, j, scale * random.value());
    return *this;
  }
  // Whether everything around the operand is as it was.
  bool bordersIntact() const {
    const int64_t size = bytesOf(type_);
    const unsigned char *bytes = static_cast<const unsigned char *>(buffer_.host());
    for (int64_t i = 0; i < (rows_ + 2) * stride_; i++) {
      const int64_t row = i / stride_ - 1, column = i % stride_ - margin_;
      if (row >= 0 && row < rows_ && column >= 0 && column < columns_) continue;
      for (int64_t b = 0; b < size; b++)
        if (bytes[i * size + b] != 0xff) return false;
    }
    return true;
  }
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }

 private:
  int64_t rows_, columns_, margin_, stride_;
  incache_type type_;
  Memory buffer_;

  // Of the first element, in bytes.
  int64_t origin() const { return (stride_ + margin_) * bytesOf(type_); }
  void *host() const { return static_cast<char *>(buffer_.host()) + origin(); }
};

// A weight of rows x depth, K-major and padded as kernels want it.
class Weight {
 public:
  Weight(int64_t rows, int64_t depth, bool half)
      : panels_{nullptr, rows, depth, half ? kHalfType : INCACHE_F32}, buffer_(rows * weightStride(depth) * bytesOf(panels_.type)) {
    std::memset(buffer_.host(), 0, static_cast<size_t>(rows * weightStride(depth) * bytesOf(panels_.type)));
    panels_.at = static_cast<const Word *>(buffer_.device());
  }
  const Panels &panels() const { return panels_; }
  double at(int64_t row, int64_t k) const { return elementAt(buffer_.host(), row * weightStride(panels_.depth) + k, panels_.type); }
  Weight &fill(Random &random, float scale = 1) {
    for (int64_t i = 0; i < panels_.rows; i++)
      for (int64_t k = 0; k < panels_.depth; k++) setElement(buffer_.host(), i * weightStride(panels_.depth) + k, panels_.type, scale * random.value());
    return *this;
  }

 private:
  Panels panels_;
  Memory buffer_;
};

// Every value of a tensor, in its order.
inline std::vector<double> valuesOf(const Tensor &tensor) {
  std::vector<double> values;
  for (int64_t i = 0; i < tensor.rows(); i++)
    for (int64_t j = 0; j < tensor.columns(); j++) values.push_back(tensor.at(i, j));
  return values;
}

// weight (rows x depth) times x (M x depth) transposed, in float64: M x rows.
inline std::vector<double> productOf(const std::vector<double> &x, int64_t rows, const Weight &weight) {
  const int64_t columns = weight.panels().rows, depth = weight.panels().depth;
  std::vector<double> y(static_cast<size_t>(rows * columns));
  std::vector<double> values(static_cast<size_t>(columns * depth));
  for (int64_t n = 0; n < columns; n++)
    for (int64_t k = 0; k < depth; k++) values[static_cast<size_t>(n * depth + k)] = weight.at(n, k);
  for (int64_t m = 0; m < rows; m++)
    for (int64_t n = 0; n < columns; n++) {
      double sum = 0;
      for (int64_t k = 0; k < depth; k++) sum += x[static_cast<size_t>(m * depth + k)] * values[static_cast<size_t>(n * depth + k)];
      y[static_cast<size_t>(m * columns + n)] = sum;
    }
  return y;
}

// Of a tensor from what was computed in float64 in its place, row by row; NaN when anything in it is NaN.
inline double relativeL2(const Tensor &got, const std::vector<double> &expected) {
  double error = 0, norm = 0;
  for (int64_t i = 0; i < got.rows(); i++)
    for (int64_t j = 0; j < got.columns(); j++) {
      const double e = expected[static_cast<size_t>(i * got.columns() + j)], d = got.at(i, j) - e;
      error += d * d;
      norm += e * e;
    }
  return std::sqrt(error / (norm > 0 ? norm : 1));
}

inline double roundedHalf(double value) { return widenHalf(narrowHalf(static_cast<float>(value), kHalfType), kHalfType); }
// An error that bfloat16 may have; float16 has three bits more.
constexpr double halfBound(double ofBf16) { return kIsFloat16 ? ofBf16 / 6.25 : ofBf16; }
inline double geluExact(double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }
inline double geluErfExact(double x) { return 0.5 * x * std::erfc(-x * M_SQRT1_2); }
inline double geluQuickExact(double x) { return x / (1 + std::exp(-1.702 * x)); }
inline double siluExact(double x) { return x / (1 + std::exp(-x)); }
// What an epilogue makes of y; `gate` and `residual` where it takes them.
inline double epilogueExact(Epilogue epilogue, double y, double gate, double residual) {
  switch (epilogue) {
    case Epilogue::gelu: return geluExact(y);
    case Epilogue::geluErf: return geluErfExact(y);
    case Epilogue::geluQuick: return geluQuickExact(y);
    case Epilogue::silu: return siluExact(y);
    case Epilogue::gate: return gate * y;
    case Epilogue::gateResidual: return residual + gate * y;
    default: return y;
  }
}
inline bool takesGate(Epilogue epilogue) { return epilogue == Epilogue::gate || epilogue == Epilogue::gateResidual; }

// The device, as if it had three multiprocessors: how many there are decides which kernels an operation is made of, and so few
// have enough to do with small shapes. Unproven kernels are among them.
inline Chip presentChip() {
  cudaDeviceProp properties;
  const cudaError_t error = cudaGetDeviceProperties(&properties, 0);
  expect(error == cudaSuccess, "device 0: %s", cudaGetErrorString(error));
  return {properties.major * 10 + properties.minor, 3, static_cast<int64_t>(properties.sharedMemPerBlockOptin), kAllUnproven};
}

// Ends the test program as ctest wants it of a test that has to be left out, where there is another GPU than of sm_90.
inline void requireHopper(const char *name) {
  setenv("INCACHE_EMULATED_CAPABILITY", "90", 1);
  const int capability = presentChip().computeCapability;
  if (capability == 90) return;
  std::printf("%s: left out, the GPU is sm_%d\n", name, capability);
  std::exit(77);
}

// Of all launches that tests make themselves.
inline cudaStream_t testStream() {
  static const cudaStream_t stream = [] {
    cudaStream_t made = nullptr;
    cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
    return made;
  }();
  return stream;
}

// For a kernel that is called by itself: an sm_90 of so many multiprocessors. What has been written goes to the device.
inline LaunchContext hopperContext(int multiprocessors) {
  Memory::toDevice(testStream());
  return {{90, multiprocessors, 227 << 10, kAllUnproven}, testStream(), nullptr};
}

// After launches on that stream: waits for them and gets what they have written, or fails with what was wrong.
inline void finishRun(const char *name) {
  const cudaError_t launched = cudaGetLastError(), ended = Memory::toHost(testStream());
  const cudaError_t error = launched != cudaSuccess ? launched : ended;
#ifdef INCACHE_WATCHDOG
  expect(error != cudaErrorLaunchFailure, "%s: %s, as of a kernel that has waited 2 s for a barrier", name, cudaGetErrorString(error));
#endif
  expect(error == cudaSuccess, "%s: %s", name, cudaGetErrorString(error));
}

// Runs an operation as the plugin would: scratch poisoned, launched, waited for.
inline void runOn(const Chip &chip, const CudaKernel &kernel, const BoundOp &b) {
  const int64_t bytes = kernel.scratch(b, chip);
  const Memory scratch(bytes + 1);
  Memory::toDevice(testStream());
  kernel.launch(b, {chip, testStream(), static_cast<char *>(scratch.device())});
  finishRun("operation");
}
inline void run(const CudaKernel &kernel, const BoundOp &b) { runOn(presentChip(), kernel, b); }

}  // namespace incache::cuda::test
