// Products of a warpgroup as common/wgmma.cuh has them. They read shared memory as early or as late as hardware may, by a coin: when their
// warp has committed them, or when they are waited for; their sums hold NaN until then.
#pragma once
#include "hopper.h"

namespace incache::cuda::INCACHE_STORAGE {

namespace products {

using namespace emulator;

inline uint64_t encodeDescriptor(uint32_t bytes) { return (bytes & 0x3ffff) >> 4; }

// What a descriptor says.
struct Described {
  uint32_t start, leading, stride, mode;

  explicit Described(uint64_t descriptor) {
    const auto field = [&](int bit) { return static_cast<uint32_t>(descriptor >> bit & 0x3fff) << 4; };
    start = field(0), leading = field(16), stride = field(32), mode = static_cast<uint32_t>(descriptor >> 62);
    if (descriptor >> 49 & 7) fail("descriptors with a base offset are not emulated");
  }
  float read(uint32_t address) const {
    constexpr CUtensorMapSwizzle kSwizzles[] = {CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_SWIZZLE_64B,
                                                CU_TENSOR_MAP_SWIZZLE_32B};
    const uint32_t at = swizzledAddress(address, kSwizzles[mode]);
    uint16_t bits, published;
    std::memcpy(&bits, sharedAt(at), 2);
    std::memcpy(&published, publishedAt(at), 2);
    if (bits != published) fail("a product reads what was written and not published");
    return toFloat(Half{bits});
  }
};

// Element (row, k) of a K-major operand: a core matrix is 8 rows of 16 bytes, or of 32, 64 or 128 with swizzle.
inline float readThroughDescriptor(uint64_t descriptor, int row, int k) {
  const Described operand(descriptor);
  const auto [start, leading, stride, mode] = operand;
  const uint32_t i = static_cast<uint32_t>(row), byte = static_cast<uint32_t>(k) * 2;
  uint32_t address = start + i / 8 * stride;
  if (mode == 0) {
    address += byte / 16 * leading + i % 8 * 16 + byte % 16;
  } else {
    const uint32_t width = 256u >> mode;
    if (start / width % 8) fail("a swizzled operand does not begin with its pattern");
    address += i % 8 * width + byte;
  }
  return operand.read(address);
}

// Element (k, column) of an N-major operand with 128-byte swizzle: 8 rows of 64 columns, then 8 rows more a stride further; the next 64
// columns a leading offset further.
inline float readTransposed(uint64_t descriptor, int k, int column) {
  const Described operand(descriptor);
  if (operand.mode != 1) fail("N-major operands are emulated with 128-byte swizzle alone");
  if (operand.start % 1024) fail("a swizzled operand does not begin with its pattern");
  const uint32_t i = static_cast<uint32_t>(k), j = static_cast<uint32_t>(column);
  return operand.read(operand.start + j / 64 * operand.leading + i / 8 * operand.stride + i % 8 * 128 + j % 64 * 2);
}

struct Product {
  const void *instruction;
  int columns;
  float *sums;
  bool fromRegisters;
  uint32_t a[4];
  uint64_t left, right;
  bool transposed = false, replaces = false;

  bool matches(const Product &other) const {
    return instruction == other.instruction && (fromRegisters || left == other.left) && right == other.right;
  }
};

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
inline InFlight inFlight[1024];
inline int threadNumber() {
  const Fiber &fiber = Machine::get().current();
  return fiber.warp * 32 + fiber.lane;
}

// The place-th product of a group of a warp, its `number`th of four, whose first thread this is.
inline void execute(InFlight *warp, int number, size_t group, size_t place) {
  const Product &product = warp[0].groups[group][place];
  static double left[16][16], right[256][16];
  for (int lane = 0; lane < 32; lane++) {
    const std::vector<Product> &products = warp[lane].groups[group];
    if (place >= products.size() || !products[place].matches(product)) fail("threads of a warp have issued different products");
    if (product.fromRegisters)
      for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + i % 2 * 8, k = lane % 4 * 2 + i / 2 * 8;
        left[row][k] = lowOf(products[place].a[i]);
        left[row][k + 1] = highOf(products[place].a[i]);
      }
  }
  for (int k = 0; k < 16; k++) {
    if (!product.fromRegisters)
      for (int row = 0; row < 16; row++) left[row][k] = readThroughDescriptor(product.left, number * 16 + row, k);
    for (int column = 0; column < product.columns; column++)
      right[column][k] = product.transposed ? readTransposed(product.right, k, column) : readThroughDescriptor(product.right, column, k);
  }
  for (int lane = 0; lane < 32; lane++) {
    const Product &own = warp[lane].groups[group][place];
    std::vector<float> &sums = warp[lane].sums[own.sums].values;
    for (int i = 0; i < product.columns / 2; i++) {
      const int row = lane / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      double sum = product.replaces ? 0.0 : sums[static_cast<size_t>(i)];
      for (int k = 0; k < 16; k++) sum += left[row][k] * right[column][k];
      sums[static_cast<size_t>(i)] = static_cast<float>(sum);
    }
  }
}

// The first `groups` of a warp that have not been computed yet.
inline void executeGroups(InFlight *warp, int number, size_t groups) {
  for (size_t group = warp[0].executed; group < groups; group++)
    for (size_t place = 0; place < warp[0].groups[group].size(); place++) execute(warp, number, group, place);
  for (int lane = 0; lane < 32; lane++) warp[lane].executed = std::max(warp[lane].executed, groups);
}

// After a commit: products may begin once all of the warp have come so far.
inline void executeEarly(int thread) {
  InFlight *warp = inFlight + thread / 32 * 32;
  const size_t groups = inFlight[thread].committed();
  const bool all = std::all_of(warp, warp + 32, [&](const InFlight &of) { return of.committed() >= groups; });
  if (all && Machine::get().random() % 2 == 0) executeGroups(warp, thread / 32 % 4, groups);
}

// Until at most `pending` groups of a warpgroup are left.
inline void endGroups(InFlight *threads, size_t pending) {
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

}  // namespace products

inline uint64_t describeSwizzled128(const void *at) {
  return products::encodeDescriptor(sharedAddress(at)) | products::encodeDescriptor(16) << 16 | products::encodeDescriptor(1024) << 32 |
         uint64_t{1} << 62;
}
inline uint64_t describeTransposed128(const void *at, uint32_t panelBytes) {
  return products::encodeDescriptor(sharedAddress(at)) | products::encodeDescriptor(panelBytes) << 16 |
         products::encodeDescriptor(1024) << 32 | uint64_t{1} << 62;
}
inline void beginProducts() { products::inFlight[products::threadNumber()].fenced = true; }
inline void commitProducts() {
  const int number = products::threadNumber();
  products::inFlight[number].groups.emplace_back();
  products::executeEarly(number);
}
template <int Pending>
void waitProducts() {
  static const char instruction = 0;
  emulator::Machine &machine = emulator::Machine::get();
  const int number = products::threadNumber(), first = number / 128 * 128;
  products::inFlight[number].fenced = false;
  machine.meet(machine.warpgroupMeeting(), 128, number - first, nullptr, &instruction,
               [&](const void *const *) { products::endGroups(products::inFlight + first, Pending); });
}
template <int N>
void pinAccumulator(float (&)[N]) {}
template <int N>
void pinLeft(uint32_t (&)[N][4]) {}
template <int Registers>
void growRegisters() {}
template <int Registers>
void shrinkRegisters() {}

template <int N>
struct Wgmma {
  static constexpr int kSums = N / 2;
  static void shared(float (&c)[kSums], uint64_t a, uint64_t b) {
    static const char instruction = 0;
    products::inFlight[products::threadNumber()].issue({&instruction, N, c, false, {}, a, b});
  }
  template <int Adds = kAdds, int Transposed = kKMajor>
  static void registers(float (&c)[kSums], const uint32_t (&a)[4], uint64_t b) {
    static const char instruction = 0;
    products::inFlight[products::threadNumber()].issue(
        {&instruction, N, c, true, {a[0], a[1], a[2], a[3]}, 0, b, Transposed == kTransposed, Adds == kReplaces});
  }
};

}  // namespace incache::cuda::INCACHE_STORAGE
