// The cases of bench/cuda at sizes of a test: their rows, and that every operation of them runs and leaves numbers.
#include "../../bench/cuda/rows.h"
#include "../../bench/cuda/time.h"

#include <set>

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::bench;
using namespace incache::cuda::test;

namespace {

Device deviceOf(const Chip &chip) {
  // A cache of nothing: two instances a case are enough.
  Device device{chip, 0, nullptr};
  cudaStreamCreateWithFlags(&device.stream, cudaStreamNonBlocking);
  return device;
}

void testRows() {
  const std::vector<Case> rows = ditRows({});
  std::set<std::string> names;
  for (const Case &c : rows)
    names.insert(c.level + c.name + c.shape + " " + std::to_string(c.sequences) + " " + std::to_string(c.tokens) + " " + std::to_string(c.rank));
  // Six shapes of: six kernels and five calibrated ones for each of four ranks; two blocks and one for each rank. Three of five kinds of steps.
  expect(rows.size() == 6 * (6 + 5 * 4 + 2 + 4) + 3 * 5 && names.size() == rows.size(), "%zu rows, %zu of them different", rows.size(), names.size());
  expect(ditRows({"block"}).size() == 6 * 6, "rows of blocks");
  expect(ditRows({"step", 256, 1}).size() == 5, "steps of one image");
  expect(ditRows({"kernel", 256, 16, 128}).size() == 6 + 5, "kernels of one shape and rank");
  // 4,096 rows: 130 and 21.7 GFLOP of linears (KERNELS: where bytes go), and those of attention.
  const BlockShape shape{16, 256, 1152, 16, 128};
  const double attention = 4.0 * 4096 * 256 * 1152;
  expect(std::abs(blockFlops(shape, BlockKind::full) - attention - 130.5e9) < 0.1e9, "FLOPs of a full block");
  expect(std::abs(blockFlops(shape, BlockKind::scatter) - attention - 21.7e9) < 0.1e9, "FLOPs of a calibrated block");
}

// Runs an operation with its output poisoned, unless that is also read, so that what is not launched shows; its output.
std::vector<double> outputOf(const Device &device, const Launch &l) {
  const Matrix &out = l.op.out;
  const size_t bytes = static_cast<size_t>(out.rows * out.stride * bytesOf(out.type));
  const Memory scratch(l.kernel->scratch(l.op, device.chip) + 1);
  std::vector<char> copy(bytes);
  if (out.at != l.op.residual.at) cudaMemsetAsync(out.at, 0xff, bytes, device.stream);
  l.kernel->launch(l.op, {device.chip, device.stream, static_cast<char *>(scratch.device())});
  cudaMemcpyAsync(copy.data(), out.at, bytes, cudaMemcpyDeviceToHost, device.stream);
  expect(cudaGetLastError() == cudaSuccess && cudaStreamSynchronize(device.stream) == cudaSuccess, "operation %d", static_cast<int>(l.op.op->kind));
  std::vector<double> values;
  for (int64_t i = 0; i < out.rows * out.stride; i++) values.push_back(elementAt(copy.data(), i, out.type));
  return values;
}

void testRuns(const Device &device, const Case &c) {
  Buffers buffers(device);
  for (const Launch &l : c.make(buffers))
    for (const double value : outputOf(device, l))
      expect(std::isfinite(value), "%s: operation %d leaves what is no number", c.name.c_str(), static_cast<int>(l.op.op->kind));
}

// Each step runs each block once, and calibrated ones find the caches that the gathered one before them has left.
void testSteps() {
  Device device = deviceOf(presentChip());
  Buffers buffers(device);
  const std::vector<Launch> launches = stepCases(1, 16, 72, 1, 24, 2)[4].make(buffers);
  constexpr size_t kGathered = 2 * 7, kCalibrated = 2 * 6;
  expect(launches.size() == kGathered + 2 * kCalibrated, "%zu operations of a gathered step and two calibrated ones", launches.size());
  const BoundOp &qkv = launches[1].op, &calibrated = launches[kGathered + 1].op, &again = launches[kGathered + kCalibrated + 1].op;
  expect(calibrated.cachedInput.at == qkv.x.at && calibrated.cachedOutput.at == qkv.out.at, "a calibrated step finds other caches");
  expect(again.cachedOutput.at == qkv.out.at && again.factors[0].up.at == calibrated.factors[0].up.at, "the second one finds other caches");
  expect(again.out.at != qkv.out.at, "a calibrated step overwrites its cache");
}

}  // namespace

int main() {
  testRows();
  expect(copiesFor(10, 100) == 30 && copiesFor(1 << 20, 100) == 2 && copiesFor(1, 100) == 32, "instances of a case");
  const Device device = deviceOf(presentChip());
  expect(time(device, blockCases(1, 16, 72, 1, {24})[2], 1) >= 0, "the time of a calibrated block");
  for (const auto casesFor : {kernelCases, blockCases})
    for (const Case &c : casesFor(1, 16, 72, 1, {24})) testRuns(device, c);
  for (const Case &c : stepCases(1, 16, 72, 1, 24, 2)) testRuns(device, c);
  testSteps();
  std::puts("bench: all passed");
}
