// The emulator itself: that correct kernels run, and that what is wrong with others is seen.
#include "check.h"

using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

LaunchContext context() {
  static cudaStream_t stream = nullptr;
  if (!stream) cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  return {{80, 3, 163 << 10}, stream, nullptr};
}

template <class... Arguments>
void runOn(int threads, void (*kernel)(Arguments...), Arguments... arguments) {
  launch(kernel, dim3(2), dim3(static_cast<unsigned>(threads)), 4096, context(), arguments...);
  cudaStreamSynchronize(context().stream);
}

// c (16 x 8) = a (16 x 16) b^T (8 x 16), by way of every primitive of fragments.
__global__ void product(const Half *a, const Half *b, float *c) {
  Half *rows = reinterpret_cast<Half *>(sharedMemory()), *columns = rows + 256;
  const int lane = static_cast<int>(threadIdx.x);
  copyAsync16(rows + lane * 8, a + lane * 8, true);
  copyAsync16(columns + lane % 16 * 8, b + lane % 16 * 8, true);
  commitCopies();
  waitCopies<0>();
  synchronizeBlock();
  uint32_t left[4], right[4];
  loadMatrix4(left, rows + lane % 16 * 16 + lane / 16 * 8);
  loadMatrix4(right, columns + lane % 8 * 16 + lane / 8 % 2 * 8);
  float sums[4] = {};
  multiply16x8x16(sums, left, {right[0], right[1]});
  const int g = lane / 4, t = lane % 4 * 2;
  for (int i = 0; i < 4; i++) c[(g + i / 2 * 8) * 8 + t + i % 2] = sums[i];
}

__global__ void transposes(const Half *m, Half *transposed) {
  Half *rows = reinterpret_cast<Half *>(sharedMemory());
  const int lane = static_cast<int>(threadIdx.x);
  copyAsync16(rows + lane * 8, m + lane * 8, true);
  commitCopies();
  waitCopies<0>();
  synchronizeWarp();
  uint32_t r[4];
  loadMatrix4Transposed(r, rows + lane * 8);
  for (int i = 0; i < 4; i++) {
    transposed[i * 64 + lane / 4 * 8 + lane % 4 * 2] = {static_cast<uint16_t>(r[i])};
    transposed[i * 64 + lane / 4 * 8 + lane % 4 * 2 + 1] = {static_cast<uint16_t>(r[i] >> 16)};
  }
}

__global__ void passOn(float *out, bool synchronize) {
  float *shared = reinterpret_cast<float *>(sharedMemory());
  shared[threadIdx.x] = static_cast<float>(threadIdx.x);
  if (synchronize) synchronizeBlock();
  out[threadIdx.x] = shared[blockDim.x - 1 - threadIdx.x];
}

__global__ void readsTooEarly(const float *from, float *out) {
  float *shared = reinterpret_cast<float *>(sharedMemory());
  copyAsync16(shared + threadIdx.x * 4, from + threadIdx.x * 4, true);
  commitCopies();
  out[threadIdx.x] = shared[threadIdx.x * 4];
  waitCopies<0>();
}

__global__ void laneStaysAway(float *out) {
  if (threadIdx.x == 5) return;
  out[threadIdx.x] = shuffleXor(1.0f, 1);
}

__global__ void lanesPart(float *out) { out[threadIdx.x] = threadIdx.x % 2 ? shuffleXor(1.0f, 1) : (synchronizeWarp(), 0.0f); }

__global__ void threadEndsBeforeBarrier() {
  if (threadIdx.x > 40) return;
  synchronizeBlock();
}

__global__ void writesPastShared() {
  if (threadIdx.x == 0) sharedMemory()[4096 + 3] = 0;
}

__global__ void writesAt(char *memory, int place) { memory[place] = 1; }

__global__ void readsUnaligned(const float *from) {
  copyAsync16(sharedMemory(), from + 1, true);
  waitCopies<0>();
}

__global__ void sumOfWarp(float *out) {
  float value = static_cast<float>(threadIdx.x);
  for (int mask = 16; mask > 0; mask /= 2) value += shuffleXor(value, mask);
  out[threadIdx.x] = value + shuffleFrom(static_cast<float>(threadIdx.x), 3);
}

void testFragments() {
  Random random(1);
  alignas(16) static Half a[256], b[128], transposed[256];
  static float c[128];
  for (Half &v : a) v = toHalf(random.value());
  for (Half &v : b) v = toHalf(random.value());
  runOn<const Half *, const Half *, float *>(32, product, a, b, c);
  for (int i = 0; i < 16; i++)
    for (int j = 0; j < 8; j++) {
      double expected = 0;
      for (int k = 0; k < 16; k++) expected += toFloat(a[i * 16 + k]) * toFloat(b[j * 16 + k]);
      expect(std::fabs(c[i * 8 + j] - expected) < 1e-6, "product at %d, %d is %g; expected %g", i, j, c[i * 8 + j], expected);
    }
  runOn<const Half *, Half *>(32, transposes, a, transposed);
  for (int matrix = 0; matrix < 4; matrix++)
    for (int i = 0; i < 8; i++)
      for (int j = 0; j < 8; j++)
        expect(transposed[matrix * 64 + i * 8 + j].bits == a[matrix * 64 + j * 8 + i].bits, "transposed at %d, %d of %d", i, j, matrix);
}

void testThreads() {
  static float out[256];
  runOn<float *>(64, sumOfWarp, out);
  for (int i = 0; i < 64; i++) expect(out[i] == (i < 32 ? 496 + 3 : 1520 + 35), "sum of lane %d is %g", i, out[i]);
  runOn<float *, bool>(256, passOn, out, true);
  for (int i = 0; i < 256; i++) expect(out[i] == 255 - i, "passed on: %g at %d", out[i], i);
}

void testFaults() {
  static float out[256];
  alignas(16) static float from[256];
  runOn<float *, bool>(256, passOn, out, false);
  bool seen = false;
  for (float value : out) seen = seen || value != value;
  expect(seen, "a missing barrier was not seen");
  runOn<const float *, float *>(32, readsTooEarly, from, out);
  expect(out[7] != out[7], "a copy arrived before it was waited for");
  expect(aborts([] { runOn<float *>(32, laneStaysAway, out); }), "a lane that stayed away was not seen");
  expect(aborts([] { runOn<float *>(32, lanesPart, out); }), "lanes at different instructions were not seen");
  expect(aborts([] { runOn(64, threadEndsBeforeBarrier); }), "a thread missing at a barrier was not seen");
  expect(aborts([] { runOn(32, writesPastShared); }), "a write past shared memory was not seen");
  expect(aborts([] { runOn<const float *>(1, readsUnaligned, from); }), "an unaligned copy was not seen");
  const Array<char> memory(1000);
  expect(!aborts([&] { runOn<char *, int>(1, writesAt, memory.data(), 999); }), "device memory cannot be written");
  expect(aborts([&] { runOn<char *, int>(1, writesAt, memory.data(), 1024); }), "a write past device memory was not seen");
  expect(aborts([&] { *static_cast<volatile char *>(memory.data()) = 1; }), "a write to device memory from the host was not seen");
}

void testStreams() {
  cudaStream_t stream = context().stream;
  int from = 7, to = 0;
  cudaMemcpyAsync(&to, &from, sizeof to, cudaMemcpyHostToDevice, stream);
  expect(to == 0, "a copy ran before its stream was waited for");
  cudaStreamSynchronize(stream);
  expect(to == 7, "a copy did not run");
  launch(passOn, dim3(1), dim3(32), int64_t{300} << 10, context(), static_cast<float *>(nullptr), false);
  expect(cudaGetLastError() != cudaSuccess, "more shared memory than there is was not refused");
  launch(passOn, dim3(1, 70000), dim3(32), 0, context(), static_cast<float *>(nullptr), false);
  expect(cudaGetLastError() == cudaErrorInvalidConfiguration, "a grid of 70,000 rows was not refused");
}

}  // namespace

int main() {
  testFragments();
  testThreads();
  testFaults();
  testStreams();
  std::puts("emulator: all passed");
}
