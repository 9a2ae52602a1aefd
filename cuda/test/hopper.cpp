// What is written for sm_90a: the linear against float64, the limits of tensor maps, descriptors, tiles and stages; and that the
// emulator sees what would go wrong.
#include <sys/wait.h>
#include <unistd.h>

#include "../common/stageRing.cuh"
#include "../common/tensorMap.h"
#include "../linearHopper.h"
#include "check.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

void finishRun(const char *name) {
  const cudaError_t error = cudaGetLastError(), ended = cudaStreamSynchronize(hopperContext(1).stream);
  expect(error == cudaSuccess && ended == cudaSuccess, "%s: %s", name, cudaGetErrorString(error != cudaSuccess ? error : ended));
}

// ---- Tiles and stages ------------------------------------------------------------------------------------------------------

void testTiles() {
  for (const HopperTiles tiles : {HopperTiles{1, 1}, HopperTiles{3, 5}, HopperTiles{8, 4}, HopperTiles{19, 7}, HopperTiles{32, 18}}) {
    std::vector<int> seen(static_cast<size_t>(tiles.count()));
    for (int i = 0; i < tiles.count(); i++) {
      const HopperTiles::Place place = tiles.at(i);
      expect(place.row >= 0 && place.row < tiles.rows && place.column >= 0 && place.column < tiles.columns, "tile %d is outside", i);
      expect(seen[static_cast<size_t>(place.row * tiles.columns + place.column)]++ == 0, "tile %d came twice", i);
    }
  }
  const HopperTiles::Place ninth = HopperTiles{19, 7}.at(8);
  expect(ninth.row == 0 && ninth.column == 1, "tiles go down eight rows, then to the next column");
}

bool isForm(const HopperForm &form, int columns, bool alternates) { return form.columns == columns && form.alternates == alternates; }

void testChoice() {
  constexpr Chip kChip{90, 132, 227 << 10, true}, kProven{90, 132, 227 << 10};
  // 8,192 rows on 132 multiprocessors. A depth that is passed quickly: finishing is worth hiding.
  expect(isForm(chooseHopperForm(8192, 1152, 4608, kChip), 128, true), "4608 columns");
  expect(isForm(chooseHopperForm(8192, 1152, 3456, kChip), 128, true), "3456 columns");
  expect(isForm(chooseHopperForm(8192, 1152, 3456, kProven), 256, false), "3456 columns without alternating");
  // A long one: few turns whose last is full.
  expect(isForm(chooseHopperForm(8192, 4608, 1152, kChip), 192, false), "a depth of 4608");
  // Where all tiles fit at once, the narrowest are done first.
  expect(isForm(chooseHopperForm(16, 1152, 6912, kChip), 64, false), "a few rows");
  expect(isForm(chooseHopperForm(1 << 20, 8192, 4096, kChip), 256, false), "many rows, a great depth");
  for (int64_t rows = 1; rows < 5000; rows += 97)
    for (int64_t columns = 1; columns < 5000; columns += 89) {
      const auto [width, alternates] = chooseHopperForm(rows, rows + columns, columns, kChip);
      expect(width == 128 || (!alternates && (width == 64 || width == 192 || width == 256)), "a width of %d", width);
    }
}

void testRing() {
  const int widths[] = {64, 128, 192, 256}, stages[] = {8, 7, 5, 4};
  for (int i = 0; i < 4; i++) {
    const int bytes = hopperStageBytes(widths[i]);
    expect(ringStages(bytes) == stages[i], "%d stages for %d columns", ringStages(bytes), widths[i]);
    expect(ringBytes(bytes) <= 227 << 10, "%d columns: too much shared memory", widths[i]);
    expect(2 * 8 * ringStages(bytes) <= kRingBarrierBytes, "%d columns: too many barriers", widths[i]);
    // Both boxes of every stage are at multiples of 1,024 bytes, where the swizzle begins.
    expect(bytes % 1024 == 0 && kHopperLeftBytes % 1024 == 0, "%d columns: stages are not aligned", widths[i]);
  }
}

// ---- Tensor maps and descriptors -----------------------------------------------------------------------------------------------

void testLimits() {
  const Array<char> memory(32);
  const BoxedMatrix good{memory.data(), 5, 100, 104, 128, 64};
  const auto with = [&](auto change) {
    BoxedMatrix m = good;
    change(m);
    CUtensorMap map;
    const bool fits = fitsTensorMap(m);
    expect(encodeTensorMap(m, map) == fits, "the driver and the limits differ");
    return fits;
  };
  expect(with([](BoxedMatrix &) {}), "a matrix that fits");
  expect(with([](BoxedMatrix &m) { m.boxRows = 256; }), "256 rows of a box");
  expect(with([](BoxedMatrix &m) { m.rows = (int64_t{1} << 32) - 1; }), "2^32 - 1 rows");
  expect(with([](BoxedMatrix &m) { m.columns = 8, m.stride = 8; }), "a matrix narrower than its boxes");
  expect(!with([](BoxedMatrix &m) { m.boxRows = 257; }), "257 rows of a box");
  expect(!with([](BoxedMatrix &m) { m.boxRows = 0; }), "no rows of a box");
  expect(!with([](BoxedMatrix &m) { m.stride = 108; }), "a stride of 216 bytes");
  expect(!with([&](BoxedMatrix &m) { m.at = memory.data() + 8; }), "a base at a multiple of 8");
  expect(!fitsTensorMap({memory.data(), int64_t{1} << 32, 100, 104, 128, 64}), "2^32 rows");
  expect(!fitsTensorMap({memory.data(), 5, 100, 104, 128, 128}), "boxes 256 bytes wide");
  expect(!fitsTensorMap({memory.data(), 5, 100, 104, 128, 32}), "boxes 64 bytes wide");
  expect(!fitsTensorMap({memory.data(), 5, 100, int64_t{1} << 39, 128, 64}), "a stride of 2^40 bytes");
}

void testHeadLimits() {
  const Array<char> memory(32);
  const BoxedHeads good{memory.data(), 5, 3, 72, 224, 64, 64};
  const auto with = [&](auto change) {
    BoxedHeads m = good;
    change(m);
    CUtensorMap map;
    const bool fits = fitsHeadMap(m);
    expect(encodeHeadMap(m, map) == fits, "the driver and the limits of heads differ");
    return fits;
  };
  expect(with([](BoxedHeads &) {}), "heads that fit");
  expect(with([](BoxedHeads &m) { m.stride = 216; }), "heads without a margin");
  expect(!with([](BoxedHeads &m) { m.width = 76; }), "heads 152 bytes wide");
  expect(!with([](BoxedHeads &m) { m.heads = 4; }), "more heads than a row has");
  expect(!with([](BoxedHeads &m) { m.heads = 0; }), "no heads");
  expect(!with([](BoxedHeads &m) { m.stride = 220; }), "heads with a stride of 440 bytes");
  expect(!with([&](BoxedHeads &m) { m.at = memory.data() + 8; }), "heads at a multiple of 8");
}

struct BoxArguments {
  CUtensorMap map;
  int column, head, row;  // head: -1 for a map of two dimensions
  float *out;
  uint64_t *descriptor;
};

// What a box of 16 rows holds, read through the swizzle of common/swizzle.h.
__global__ void readBox(const __grid_constant__ BoxArguments a) {
#ifdef INCACHE_HOPPER
  using Tile = SwizzledTile<64>;
  unsigned char *box = sharedMemory() + 1024;
  uint64_t *barrier = reinterpret_cast<uint64_t *>(sharedMemory());
  if (threadIdx.x == 0) {
    initBarrier(barrier, 1);
    publishBarriers();
    arriveExpecting(barrier, 16 * 128);
    if (a.head < 0)
      copyBox(box, &a.map, a.column, a.row, barrier);
    else
      copyHeadBox(box, &a.map, a.column, a.head, a.row, barrier);
    *a.descriptor = describeSwizzled128(box);
  }
  synchronizeBlock();
  waitFor(barrier, 0);
  for (int i = static_cast<int>(threadIdx.x); i < 16 * 64; i += 32)
    a.out[i] = toFloat(*reinterpret_cast<const Half *>(box + Tile::elementOffset(i / 64, i % 64)));
#endif
}

void testBoxes() {
  Random random(3);
  Tensor m(21, 80, kHalf, 40);
  m.fill(random);
  const Array<float> out(16 * 64);
  const Array<uint64_t> descriptor(1);
  for (const int column : {0, 64}) {
    BoxArguments a{{}, column, -1, 12, out.data(), descriptor.data()};
    const Matrix x = m.matrix();
    expect(encodeTensorMap({x.at, x.rows, 75, x.stride, 16, 64}, a.map), "no map");
    launch(readBox, dim3(1), dim3(32), 1024 + 2048, hopperContext(1), a);
    finishRun("readBox");
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < 64; j++) {
        const bool inside = 12 + i < 21 && column + j < 75;
        expect(out[i * 64 + j] == (inside ? m.at(12 + i, column + j) : 0), "box at %d: row %d, column %d", column, i, j);
      }
    // Swizzle 1 in the upper bits; groups of eight rows 1,024 bytes apart, in units of 16.
    const uint64_t fields = descriptor[0];
    expect(fields >> 62 == 1 && (fields >> 32 & 0x3fff) == 64 && (fields >> 49 & 7) == 0, "the descriptor's fields");
    expect((fields & 0x3fff) * 16 % 1024 == 0, "the descriptor's address");
  }
}

// Three heads of 72, each in a box of 64 and one of 8 columns.
void testHeadBoxes() {
  constexpr int kWidth = 72;
  Random random(5);
  Tensor m(21, 3 * kWidth, kHalf, 8);
  m.fill(random);
  const Array<float> out(16 * 64);
  const Array<uint64_t> descriptor(1);
  for (const int head : {0, 1, 2})
    for (const int column : {0, 64})
      // Within the rows, across their end, beyond it.
      for (const int row : {3, 12, 24}) {
        BoxArguments a{{}, column, head, row, out.data(), descriptor.data()};
        const Matrix x = m.matrix();
        expect(encodeHeadMap({x.at, x.rows, 3, kWidth, x.stride, 16, 64}, a.map), "no map of heads");
        launch(readBox, dim3(1), dim3(32), 1024 + 2048, hopperContext(1), a);
        finishRun("readBox of a head");
        for (int i = 0; i < 16; i++)
          for (int j = 0; j < 64; j++) {
            const bool inside = row + i < 21 && column + j < kWidth;
            expect(out[i * 64 + j] == (inside ? m.at(row + i, head * kWidth + column + j) : 0), "head %d, box at %d: row %d, column %d", head, column,
                   row + i, j);
          }
      }
}

// ---- Products of a warpgroup ---------------------------------------------------------------------------------------------------

enum class Fault { none, noFence, readsEarly, arrivesTwice, releasesEarly, beginsWithinPiece };
struct ProductArguments {
  CUtensorMap left, right;
  float *fromShared, *fromRegisters;
  Fault fault;
};

// 64 x 64 times 64 x N, with both factors in shared memory and with the left one in registers.
template <int N>
__global__ void product(const __grid_constant__ ProductArguments a) {
#ifdef INCACHE_HOPPER
  unsigned char *left = sharedMemory(), *right = left + 64 * 128;
  uint64_t *barrier = reinterpret_cast<uint64_t *>(right + N * 128);
  if (threadIdx.x == 0) {
    initBarrier(barrier, 1);
    publishBarriers();
  }
  synchronizeBlock();
  if (threadIdx.x == 0) {
    arriveExpecting(barrier, (64 + N) * 128);
    if (a.fault == Fault::arrivesTwice) arrive(barrier);
    copyBox(left, &a.left, a.fault == Fault::beginsWithinPiece ? 4 : 0, 0, barrier);
    copyBox(right, &a.right, 0, 0, barrier);
  }
  waitFor(barrier, 0);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  float first[N / 2] = {}, second[N / 2] = {};
  if (a.fault != Fault::noFence) beginProducts();
  for (int k = 0; k < 4; k++) {
    Wgmma<N>::shared(first, describeSwizzled128(left) + 2 * k, describeSwizzled128(right) + 2 * k);
    uint32_t fragment[4];
    const RowPiece at = leftFragment(lane);
    loadMatrix4(fragment, left + SwizzledTile<64>::offsetOf(16 * warp + at.row, 2 * k + at.piece));
    Wgmma<N>::registers(second, fragment, describeSwizzled128(right) + 2 * k);
  }
  commitProducts();
  if (a.fault == Fault::readsEarly) a.fromShared[threadIdx.x] = first[0];
  if (a.fault == Fault::releasesEarly) {
    synchronizeBlock();
    if (threadIdx.x == 0) {
      arriveExpecting(barrier, 64 * 128);
      copyBox(left, &a.left, 0, 64, barrier);
    }
  }
  waitProducts<0>();
  if (a.fault == Fault::readsEarly) return;
  for (int i = 0; i < N / 2; i++) {
    const int place = (16 * warp + lane / 4 + i % 4 / 2 * 8) * N + i / 4 * 8 + lane % 4 * 2 + i % 2;
    a.fromShared[place] = first[i];
    a.fromRegisters[place] = second[i];
  }
#endif
}

template <int N>
bool productIsRight(Fault fault) {
  Random random(N);
  Tensor left(64, 64, kHalf, 8), right(N, 64, kHalf, 8);
  left.fill(random);
  right.fill(random);
  const Array<float> fromShared(64 * N), fromRegisters(64 * N);
  ProductArguments a{{}, {}, fromShared.data(), fromRegisters.data(), fault};
  expect(encodeTensorMap({left.matrix().at, 64, 64, left.matrix().stride, 64, 64}, a.left) &&
             encodeTensorMap({right.matrix().at, N, 64, right.matrix().stride, N, 64}, a.right),
         "no map");
  launch(product<N>, dim3(1), dim3(128), (64 + N) * 128 + 64, hopperContext(1), a);
  finishRun("product");
  bool right_ = true;
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0;
      for (int k = 0; k < 64; k++) sum += left.at(i, k) * right.at(j, k);
      for (const float got : {fromShared[i * N + j], fromRegisters[i * N + j]})
        right_ = right_ && std::fabs(got - sum) < 1e-5;
    }
  return right_;
}

struct TransposedArguments {
  CUtensorMap left, right;
  float *transposed, *replaced;
};

// 64 x 64, in registers, times 64 x N, whose rows run along the depth; and, from sums that are not 0, 64 x 64 times the first 64 rows
// and columns of the same, K-major, without what the sums held.
template <int N>
__global__ void transposedProduct(const __grid_constant__ TransposedArguments a) {
#ifdef INCACHE_HOPPER
  constexpr int kPanelBytes = 64 * 128, kPanels = (N + 63) / 64;
  unsigned char *left = sharedMemory(), *right = left + kPanelBytes;
  uint64_t *barrier = reinterpret_cast<uint64_t *>(right + kPanels * kPanelBytes);
  if (threadIdx.x == 0) {
    initBarrier(barrier, 1);
    publishBarriers();
  }
  synchronizeBlock();
  if (threadIdx.x == 0) {
    arriveExpecting(barrier, (1 + kPanels) * kPanelBytes);
    copyBox(left, &a.left, 0, 0, barrier);
    for (int panel = 0; panel < kPanels; panel++) copyHeadBox(right + panel * kPanelBytes, &a.right, panel * 64, 0, 0, barrier);
  }
  waitFor(barrier, 0);
  const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
  uint32_t fragments[4][4];
  for (int k = 0; k < 4; k++) {
    const RowPiece at = leftFragment(lane);
    loadMatrix4(fragments[k], left + SwizzledTile<64>::offsetOf(16 * warp + at.row, 2 * k + at.piece));
  }
  float transposed[N / 2] = {}, replaced[32];
  for (int i = 0; i < 32; i++) replaced[i] = 7;
  beginProducts();
  for (int k = 0; k < 4; k++) {
    Wgmma<N>::template registers<kAdds, kTransposed>(transposed, fragments[k], describeTransposed128(right + 16 * k * 128, kPanelBytes));
    if (k == 0)
      Wgmma<64>::registers<kReplaces>(replaced, fragments[k], describeSwizzled128(right));
    else
      Wgmma<64>::registers(replaced, fragments[k], describeSwizzled128(right) + 2 * k);
  }
  commitProducts();
  waitProducts<0>();
  const auto placeOf = [&](int i, int columns) {
    return (16 * warp + lane / 4 + i % 4 / 2 * 8) * columns + i / 4 * 8 + lane % 4 * 2 + i % 2;
  };
  for (int i = 0; i < N / 2; i++) a.transposed[placeOf(i, N)] = transposed[i];
  for (int i = 0; i < 32; i++) a.replaced[placeOf(i, 64)] = replaced[i];
#endif
}

template <int N>
void testTransposed() {
  Random random(N);
  Tensor left(64, 64, kHalf, 8), right(64, N, kHalf, 8);
  left.fill(random);
  right.fill(random);
  const Array<float> transposed(64 * N), replaced(64 * 64);
  TransposedArguments a{{}, {}, transposed.data(), replaced.data()};
  expect(encodeTensorMap({left.matrix().at, 64, 64, left.matrix().stride, 64, 64}, a.left) &&
             encodeHeadMap({right.matrix().at, 64, 1, N, right.matrix().stride, 64, 64}, a.right),
         "no map");
  launch(transposedProduct<N>, dim3(1), dim3(128), (1 + (N + 63) / 64) * 64 * 128 + 64, hopperContext(1), a);
  finishRun("transposedProduct");
  for (int i = 0; i < 64; i++)
    for (int j = 0; j < N; j++) {
      double sum = 0, kMajor = 0;
      for (int k = 0; k < 64; k++) {
        sum += left.at(i, k) * right.at(k, j);
        if (j < 64) kMajor += left.at(i, k) * right.at(j, k);
      }
      expect(std::fabs(transposed[i * N + j] - sum) < 1e-5, "a transposed product of %d columns: row %d, column %d", N, i, j);
      if (j < 64) expect(std::fabs(replaced[i * 64 + j] - kMajor) < 1e-5, "sums are not replaced: row %d, column %d", i, j);
    }
}

#ifdef INCACHE_CUDA_EMULATED
// Whether `body` ends a process of its own.
template <class Body>
bool aborts(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stderr)) _exit(0);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

void testFaults() {
  expect(aborts([] { productIsRight<64>(Fault::noFence); }), "products without beginProducts were not seen");
  expect(aborts([] { productIsRight<64>(Fault::arrivesTwice); }), "an arrival too many was not seen");
  expect(aborts([] { productIsRight<64>(Fault::beginsWithinPiece); }), "a box from within 16 bytes on was not seen");
  expect(!productIsRight<64>(Fault::readsEarly), "sums that are read too early were not seen");
  expect(!productIsRight<64>(Fault::releasesEarly), "a buffer that is released too early was not seen");
}
#else
// A GPU need not see them.
void testFaults() {}
#endif

void testProducts() {
  expect(productIsRight<16>(Fault::none) && productIsRight<96>(Fault::none) && productIsRight<256>(Fault::none), "products are wrong");
}

// ---- The linear ----------------------------------------------------------------------------------------------------------------

struct Case {
  int64_t rows, depth, columns;
  int multiprocessors;
  Epilogue epilogue = Epilogue::none;
  bool store = false, fours = true;
  incache_type out = kHalf;
};

constexpr HopperForm kForms[] = {{64, false}, {128, false}, {192, false}, {256, false}, {128, true}};

void testLinear(const HopperForm &form, const Case &c) {
  char name[100];
  std::snprintf(name, sizeof name, "linear %d x %d x %d, epilogue %d, %s tiles of %d columns", static_cast<int>(c.rows), static_cast<int>(c.depth),
                static_cast<int>(c.columns), static_cast<int>(c.epilogue), form.alternates ? "alternating" : "shared", form.columns);
  Random random(17);
  const int64_t images = c.rows % 3 == 0 ? 3 : 1, margin = c.fours ? 4 : 3, width = c.fours ? roundUp(c.columns, 4) : c.columns;
  const int64_t pad = roundUp(c.depth, 8);
  Tensor x(c.rows, pad, kHalf, 8), bias(1, width, kFloat, margin), store(c.rows, width, kHalf, margin), out(c.rows, width, c.out, margin);
  Tensor residual(c.rows, width, c.out, margin), gate(images, width, kFloat, margin);
  Weight weight(c.columns, c.depth, true);
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t k = 0; k < c.depth; k++) x.set(i, k, random.value());  // NaN beyond the depth
  weight.fill(random, 1 / std::sqrt(static_cast<float>(c.depth)));
  bias.fill(random);
  residual.fill(random);
  gate.fill(random);
  Op op{};
  op.epilogue = c.epilogue;
  BoundOp b{};
  b.op = &op;
  b.x = x.columnsFrom(0, c.depth);
  b.weight = weight.panels();
  b.bias = bias.columnsFrom(0, c.columns);
  if (c.store) b.store = store.columnsFrom(0, c.columns);
  if (c.epilogue == Epilogue::gateResidual) b.residual = residual.columnsFrom(0, c.columns), b.gate = gate.columnsFrom(0, c.columns);
  b.out = out.columnsFrom(0, c.columns);
  const auto run = [&] {
    expect(launchHopperForm(form, b, hopperContext(c.multiprocessors)), "%s: not taken", name);
    finishRun(name);
    std::vector<float> got;
    for (int64_t i = 0; i < c.rows; i++)
      for (int64_t j = 0; j < c.columns; j++) got.push_back(static_cast<float>(out.at(i, j)));
    return got;
  };
  const std::vector<float> first = run();
  double error = 0, norm = 0, storeError = 0, storeNorm = 0;
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t j = 0; j < c.columns; j++) {
      double y = bias.at(0, j);
      for (int64_t k = 0; k < c.depth; k++) y += x.at(i, k) * weight.at(j, k);
      if (c.store) {
        storeError += (store.at(i, j) - y) * (store.at(i, j) - y);
        storeNorm += y * y;
        y = store.at(i, j);
      }
      if (c.epilogue == Epilogue::gelu) y = geluExact(y);
      if (c.epilogue == Epilogue::silu) y = siluExact(y);
      if (c.epilogue == Epilogue::gateResidual) y = residual.at(i, j) + gate.at(i / (c.rows / images), j) * y;
      const double d = first[static_cast<size_t>(i * c.columns + j)] - y;
      error += d * d;
      norm += y * y;
    }
  error = std::sqrt(error / norm);
  const double stored = c.store ? std::sqrt(storeError / storeNorm) : 0, most = c.out == kHalf ? halfBound(2.5e-3) : 1e-5;
  std::printf("%s: %.1e\n", name, error);
  expect(error <= most, "%s: the output is off by %.2e", name, error);
  expect(stored <= halfBound(2.5e-3), "%s: the store is off by %.2e", name, stored);
  expect(out.bordersIntact() && store.bordersIntact(), "%s: written outside of its outputs", name);
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t j = c.columns; j < width; j++) expect(std::isnan(out.at(i, j)), "%s: written beyond its columns", name);
  expect(run() == first, "%s: two runs differ", name);
  if (c.epilogue != Epilogue::gateResidual) return;
  // In place: the residual is the output.
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t j = 0; j < c.columns; j++) out.set(i, j, static_cast<float>(residual.at(i, j)));
  b.residual = b.out;
  expect(run() == first, "%s: in place differs", name);
}

void testRefusals() {
  Tensor x(4, 72, kHalf, 8), full(4, 72, kFloat, 8), out(4, 40, kHalf, 8);
  Weight weight(40, 64, true), exact(40, 64, false);
  Op op{};
  BoundOp b{};
  b.op = &op;
  b.x = x.columnsFrom(0, 64);
  b.weight = weight.panels();
  b.out = out.matrix();
  const auto taken = [&](auto change, int capability = 90) {
    BoundOp other = b;
    change(other);
    LaunchContext context = hopperContext(4);
    context.chip.computeCapability = capability;
    const bool result = launchLinearHopper(other, context);
    cudaStreamSynchronize(context.stream);
    return result;
  };
  expect(taken([](BoundOp &) {}), "what fits was not taken");
  expect(!taken([](BoundOp &) {}, 89) && !taken([](BoundOp &) {}, 100), "another chip");
  expect(!taken([&](BoundOp &o) { o.x = full.columnsFrom(0, 64); }), "x in float32");
  expect(!taken([&](BoundOp &o) { o.weight = exact.panels(); }), "a weight in float32");
  expect(!taken([&](BoundOp &o) { o.x = x.columnsFrom(4, 64); }), "x at a multiple of 8 bytes");
  expect(!taken([&](BoundOp &o) { o.x.stride = 92; }), "a stride of 184 bytes");
}

}  // namespace

int main() {
  testTiles();
  testChoice();
  testRing();
  requireHopper("hopper");
  testLimits();
  testHeadLimits();
  testBoxes();
  testHeadBoxes();
  testProducts();
  testTransposed<64>();
  testTransposed<72>();
  testTransposed<80>();
  testTransposed<96>();
  testTransposed<128>();
  testFaults();
  testRefusals();
  for (const HopperForm &form : kForms) {
    testLinear(form, {1, 64, 1, 4});
    testLinear(form, {5, 72, 33, 4, Epilogue::silu});
    testLinear(form, {129, 200, 77, 1, Epilogue::none, true, false});
    testLinear(form, {300, 320, 300, 2, Epilogue::gateResidual});
    testLinear(form, {255, 96, 190, 1, Epilogue::gateResidual, false, false, kFloat});
    testLinear(form, {64, 136, 260, 1, Epilogue::gelu, true});
    testLinear(form, {400, 101, 385, 3, Epilogue::none, false, true, kFloat});
    testLinear(form, {200, 64, 512, 5});
  }
  std::puts("hopper: all passed");
}
