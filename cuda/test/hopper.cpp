// What kernels for sm_90a are made of: tensor maps and their limits, boxes, descriptors and products of a warpgroup; and that the
// emulator sees what would go wrong.
#include "../common/swizzle.h"
#include "../common/tensorMap.h"
#include "check.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType;

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

enum class Fault {
  none,
  noFence,
  readsEarly,
  multipliesEarly,
  arrivesTwice,
  releasesEarly,
  beginsWithinPiece,
  waitsForOtherTurn,
  writesUnpublished,
  copiesOverUnpublished,
  barrierUnpublished,
};
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
    if (a.fault != Fault::barrierUnpublished) publishBarriers();
  }
  synchronizeBlock();
  if (a.fault == Fault::waitsForOtherTurn) waitFor(barrier, phaseAfter(0, 1));
  if (threadIdx.x == 0) {
    arriveExpecting(barrier, (64 + N) * 128);
    if (a.fault == Fault::arrivesTwice) arrive(barrier);
    if (a.fault == Fault::copiesOverUnpublished) left[0] = 0;
    copyBox(left, &a.left, a.fault == Fault::beginsWithinPiece ? 4 : 0, 0, barrier);
    copyBox(right, &a.right, 0, 0, barrier);
  }
  if (a.fault != Fault::multipliesEarly) waitFor(barrier, 0);
  if (a.fault == Fault::writesUnpublished) left[threadIdx.x] = 0;
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
  if (a.fault == Fault::multipliesEarly) waitFor(barrier, 0);
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
      right_ = right_ && std::fabs(fromShared[i * N + j] - sum) < 1e-5;
      // A left factor in registers is read early in any case.
      if (fault != Fault::multipliesEarly) right_ = right_ && std::fabs(fromRegisters[i * N + j] - sum) < 1e-5;
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
void testFaults() {
  expect(aborts([] { productIsRight<64>(Fault::noFence); }), "products without beginProducts were not seen");
  expect(aborts([] { productIsRight<64>(Fault::arrivesTwice); }), "an arrival too many was not seen");
  expect(aborts([] { productIsRight<64>(Fault::beginsWithinPiece); }), "a box from within 16 bytes on was not seen");
  expect(aborts([] { productIsRight<64>(Fault::waitsForOtherTurn); }), "a wait for another turn was not seen");
  expect(aborts([] { productIsRight<64>(Fault::barrierUnpublished); }), "a barrier that is not published was not seen");
  expect(aborts([] { productIsRight<64>(Fault::writesUnpublished); }), "a product of what is not published was not seen");
  expect(aborts([] { productIsRight<64>(Fault::copiesOverUnpublished); }), "a copy over what is not published was not seen");
  expect(!productIsRight<64>(Fault::readsEarly), "sums that are read too early were not seen");
  // By a coin: products are early or late.
  const auto isSeen = [](Fault fault) {
    for (int i = 0; i < 20; i++)
      if (!productIsRight<64>(fault)) return true;
    return false;
  };
  expect(isSeen(Fault::multipliesEarly), "products before their operands have arrived were not seen");
  expect(isSeen(Fault::releasesEarly), "a buffer that is released too early was not seen");
}
#else
// A GPU need not see them.
void testFaults() {}
#endif

void testProducts() {
  expect(productIsRight<16>(Fault::none) && productIsRight<96>(Fault::none) && productIsRight<256>(Fault::none), "products are wrong");
}

}  // namespace

int main() {
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
  std::puts("hopper: all passed");
}
