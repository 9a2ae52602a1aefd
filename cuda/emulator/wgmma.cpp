#include "../common/hopper.cuh"

#include <algorithm>
#include <map>
#include <vector>

#include "scheduler.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace products {

using namespace emulator;

namespace {

// What a descriptor says.
struct Described {
  uint32_t start, leading, stride, mode;

  explicit Described(uint64_t descriptor) {
    const auto field = [&](int bit) { return static_cast<uint32_t>(descriptor >> bit & 0x3fff) << 4; };
    start = field(0), leading = field(16), stride = field(32), mode = static_cast<uint32_t>(descriptor >> 62);
    if (descriptor >> 49 & 7) fail("descriptors with a base offset are not emulated");
  }
  // Eight elements from an address on that is a multiple of 16: swizzles move such pieces as they are.
  void read(uint32_t address, double (&elements)[8]) const {
    constexpr CUtensorMapSwizzle kSwizzles[] = {CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_SWIZZLE_64B,
                                                CU_TENSOR_MAP_SWIZZLE_32B};
    const unsigned char *piece = pieceAt(swizzledAddress(address, kSwizzles[mode]));
    if (std::memcmp(piece, publishedOf(piece), 16)) fail("a product reads what was written and not published");
    Half halves[8];
    std::memcpy(halves, piece, 16);
    for (int i = 0; i < 8; i++) elements[i] = toFloat(halves[i]);
  }
};

// Elements (row, 8 piece) and on of a K-major operand: a core matrix is 8 rows of 16 bytes, or of 32, 64 or 128 with swizzle.
void readKMajor(const Described &operand, int row, int piece, double (&elements)[8]) {
  const auto [start, leading, stride, mode] = operand;
  const uint32_t i = static_cast<uint32_t>(row), j = static_cast<uint32_t>(piece);
  uint32_t address = start + i / 8 * stride;
  if (mode == 0) {
    address += j * leading + i % 8 * 16;
  } else {
    const uint32_t width = 256u >> mode;
    if (start / width % 8) fail("a swizzled operand does not begin with its pattern");
    address += i % 8 * width + j * 16;
  }
  operand.read(address, elements);
}

// Elements (k, column) and on of an N-major operand with 128-byte swizzle: 8 rows of 64 columns, then 8 rows more a stride further; the
// next 64 columns a leading offset further.
void readTransposed(const Described &operand, int k, int column, double (&elements)[8]) {
  if (operand.mode != 1) fail("N-major operands are emulated with 128-byte swizzle alone");
  if (operand.start % 1024) fail("a swizzled operand does not begin with its pattern");
  const uint32_t i = static_cast<uint32_t>(k), j = static_cast<uint32_t>(column);
  operand.read(operand.start + j / 64 * operand.leading + i / 8 * operand.stride + i % 8 * 128 + j % 64 * 2, elements);
}

// The products that a thread has issued and not waited for, in groups of which the last is still open and the first `executed` have been
// computed; and the sums that they work on, which the thread cannot see meanwhile.
struct InFlight {
  struct Sums {
    std::vector<float> values;
    int products = 0;
  };
  std::vector<std::vector<Product>> groups{1};
  size_t executed = 0;
  std::map<float *, Sums> sums;
  bool fenced = false;

  void issue(const Product &product) {
    Sums &own = sums[product.sums];
    if (own.products++ == 0) {
      if (!fenced) fail("a product begins without beginProducts");
      const int count = product.columns / 2;
      own.values.assign(product.sums, product.sums + count);
      std::memset(product.sums, 0xff, static_cast<size_t>(count) * sizeof(float));
    }
    groups.back().push_back(product);
  }
  size_t committed() const { return groups.size() - 1; }
  void end(const Product &product) {
    Sums &own = sums[product.sums];
    if (--own.products > 0) return;
    std::copy(own.values.begin(), own.values.end(), product.sums);
    sums.erase(product.sums);
  }
};
InFlight inFlight[1024];
int threadNumber() {
  const Fiber &fiber = Machine::get().current();
  return fiber.warp * 32 + fiber.lane;
}

// The right factor of a product, row by row of its depth.
void readRight(const Product &product, double (&right)[kDepth][kMostColumns]) {
  const Described operand(product.right);
  double elements[8];
  if (product.transposed) {
    for (int k = 0; k < kDepth; k++)
      for (int column = 0; column < product.columns; column += 8) {
        readTransposed(operand, k, column, elements);
        std::copy(elements, elements + 8, right[k] + column);
      }
    return;
  }
  for (int column = 0; column < product.columns; column++)
    for (int piece = 0; piece < 2; piece++) {
      readKMajor(operand, column, piece, elements);
      for (int i = 0; i < 8; i++) right[8 * piece + i][column] = elements[i];
    }
}

// The place-th product of a group of a warp, its `number`th of four, whose first thread this is.
void execute(InFlight *warp, int number, size_t group, size_t place) {
  const Product &product = warp[0].groups[group][place];
  static double left[16][kDepth], right[kDepth][kMostColumns];
  static float sums[16][kMostColumns];
  float *own[32];
  for (int lane = 0; lane < 32; lane++) {
    const std::vector<Product> &products = warp[lane].groups[group];
    if (place >= products.size() || !products[place].matches(product)) fail("threads of a warp have issued different products");
    own[lane] = warp[lane].sums[products[place].sums].values.data();
    if (product.fromRegisters)
      for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + i % 2 * 8, k = lane % 4 * 2 + i / 2 * 8;
        left[row][k] = lowOf(products[place].a[i]);
        left[row][k + 1] = highOf(products[place].a[i]);
      }
  }
  if (!product.fromRegisters) {
    const Described operand(product.left);
    double elements[8];
    for (int row = 0; row < 16; row++)
      for (int piece = 0; piece < 2; piece++) {
        readKMajor(operand, number * 16 + row, piece, elements);
        std::copy(elements, elements + 8, left[row] + 8 * piece);
      }
  }
  readRight(product, right);
  // Sums i and i + 1 of a lane are neighbours in a row.
  const auto sumAt = [&](int lane, int i) { return &sums[lane / 4 + i % 4 / 2 * 8][i / 4 * 8 + lane % 4 * 2]; };
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < product.columns / 2; i += 2) std::memcpy(sumAt(lane, i), own[lane] + i, 2 * sizeof(float));
  multiplyAdd(left, right, sums, product.columns, product.replaces);
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < product.columns / 2; i += 2) std::memcpy(own[lane] + i, sumAt(lane, i), 2 * sizeof(float));
}

// The first `groups` of a warp that have not been computed yet.
void executeGroups(InFlight *warp, int number, size_t groups) {
  for (size_t group = warp[0].executed; group < groups; group++)
    for (size_t place = 0; place < warp[0].groups[group].size(); place++) execute(warp, number, group, place);
  for (int lane = 0; lane < 32; lane++) warp[lane].executed = std::max(warp[lane].executed, groups);
}

// After a commit: products may begin once all of the warp have come so far.
void executeEarly(int thread) {
  InFlight *warp = inFlight + thread / 32 * 32;
  const size_t groups = inFlight[thread].committed();
  const bool all = std::all_of(warp, warp + 32, [&](const InFlight &of) { return of.committed() >= groups; });
  if (all && Machine::get().random() % 2 == 0) executeGroups(warp, thread / 32 % 4, groups);
}

// Until at most `pending` groups of a warpgroup are left.
void endGroups(InFlight *threads, size_t pending) {
  while (threads[0].committed() > pending) {
    for (int number = 0; number < 4; number++) executeGroups(threads + 32 * number, number, 1);
    const std::vector<Product> first = threads[0].groups.front();
    for (int thread = 0; thread < 128; thread++) {
      auto &groups = threads[thread].groups;
      const auto matches = [](const Product &a, const Product &b) { return a.matches(b); };
      if (groups.size() != threads[0].groups.size() + (thread > 0 ? 1 : 0) ||
          !std::equal(first.begin(), first.end(), groups.front().begin(), groups.front().end(), matches))
        fail("threads of a warpgroup have committed different products");
      for (const Product &product : groups.front()) threads[thread].end(product);
      groups.erase(groups.begin());
      threads[thread].executed--;
    }
  }
}

}  // namespace

void fence() { inFlight[threadNumber()].fenced = true; }
void issue(const Product &product) { inFlight[threadNumber()].issue(product); }
void commit() {
  const int number = threadNumber();
  inFlight[number].groups.emplace_back();
  executeEarly(number);
}
void endGroups(int pending) { endGroups(inFlight + threadNumber() / 128 * 128, static_cast<size_t>(pending)); }
void wait(Act end) {
  inFlight[threadNumber()].fenced = false;
  meetWarpgroup(end);
}

}  // namespace products
}  // namespace incache::cuda::INCACHE_STORAGE
