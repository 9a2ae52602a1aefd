// The primitives of common/hopper.cuh and common/wgmma.cuh, as the PTX manual defines them, and the part of the driver that
// makes tensor maps.
//
// What runs asynchronously on hardware is as late as it may be here: a box arrives at some later change of threads, and its target
// holds NaN until then; products read shared memory when they are waited for, and their sums hold NaN until then.
#pragma once
#include <array>
#include <map>

#include "ptx.h"
#include "runtime.h"

// ---- The driver -----------------------------------------------------------------------------------------------------------

typedef uint32_t cuuint32_t;
typedef uint64_t cuuint64_t;
enum CUresult { CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_VALUE = 1 };
enum CUtensorMapDataType { CU_TENSOR_MAP_DATA_TYPE_FLOAT16 = 6, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 = 9 };
enum CUtensorMapInterleave { CU_TENSOR_MAP_INTERLEAVE_NONE };
enum CUtensorMapSwizzle { CU_TENSOR_MAP_SWIZZLE_NONE, CU_TENSOR_MAP_SWIZZLE_32B, CU_TENSOR_MAP_SWIZZLE_64B, CU_TENSOR_MAP_SWIZZLE_128B };
enum CUtensorMapL2promotion {
  CU_TENSOR_MAP_L2_PROMOTION_NONE,
  CU_TENSOR_MAP_L2_PROMOTION_L2_64B,
  CU_TENSOR_MAP_L2_PROMOTION_L2_128B,
  CU_TENSOR_MAP_L2_PROMOTION_L2_256B
};
enum CUtensorMapFloatOOBfill { CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE };

// Two or three dimensions of 16-bit elements, of two as if there were a third one of one row.
struct alignas(64) CUtensorMap {
  const char *at;
  uint64_t sizes[3], strides[2];
  uint32_t box[3], dimensions;
  CUtensorMapSwizzle swizzle;
  uint32_t mark;
};
constexpr uint32_t kTensorMapMark = 0x7e45a9;

inline CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *at, const cuuint64_t *sizes,
                                       const cuuint64_t *strides, const cuuint32_t *box, const cuuint32_t *steps, CUtensorMapInterleave,
                                       CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  if ((type != CU_TENSOR_MAP_DATA_TYPE_FLOAT16 && type != CU_TENSOR_MAP_DATA_TYPE_BFLOAT16) || rank < 2 || rank > 3) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t widest[] = {512, 32, 64, 128};
  bool fits = reinterpret_cast<uintptr_t>(at) % 16 == 0;
  for (cuuint32_t i = 0; i + 1 < rank; i++) fits = fits && strides[i] % 16 == 0 && strides[i] < uint64_t{1} << 40;
  for (cuuint32_t i = 0; i < rank; i++)
    fits = fits && sizes[i] >= 1 && sizes[i] <= uint64_t{1} << 32 && box[i] >= 1 && box[i] <= 256 && steps[i] == 1;
  fits = fits && box[0] * 2 % 16 == 0 && box[0] * 2 <= widest[swizzle];
  if (!fits) return CUDA_ERROR_INVALID_VALUE;
  const bool solid = rank == 3;
  *map = {static_cast<const char *>(at), {sizes[0], sizes[1], solid ? sizes[2] : 1}, {strides[0], solid ? strides[1] : 0},
          {box[0], box[1], solid ? box[2] : 1}, rank, swizzle, kTensorMapMark};
  return CUDA_SUCCESS;
}

enum cudaDriverEntryPointQueryResult { cudaDriverEntryPointSuccess, cudaDriverEntryPointSymbolNotFound };
enum { cudaEnableDefault = 0 };
inline cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned, unsigned long long,
                                                    cudaDriverEntryPointQueryResult *result) {
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void *>(&cuTensorMapEncodeTiled) : nullptr;
  *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return cudaSuccess;
}

namespace incache::cuda {

// ---- Barriers -------------------------------------------------------------------------------------------------------------

namespace emulator {

// What a barrier's 8 bytes hold.
struct BarrierState {
  uint64_t arrivals : 12, pending : 12, phase : 1, mark : 9;
  int64_t bytes : 30;
};
static_assert(sizeof(BarrierState) == 8, "a barrier has 8 bytes");
constexpr uint64_t kBarrierMark = 0x155;

inline std::map<const void *, Waiting> barrierWaiting;

inline BarrierState &barrierAt(uint64_t *barrier) {
  sharedAddress(barrier);
  BarrierState &state = *reinterpret_cast<BarrierState *>(barrier);
  if (state.mark != kBarrierMark) fail("a barrier is used that has not been initialised, or has been overwritten");
  return state;
}
inline void endPhaseWhenComplete(uint64_t *barrier) {
  BarrierState &state = barrierAt(barrier);
  if (state.pending > 0 || state.bytes != 0) return;
  state.phase ^= 1;
  state.pending = state.arrivals;
  Machine::get().wake(barrierWaiting[barrier]);
}

}  // namespace emulator

inline void initBarrier(uint64_t *barrier, uint32_t arrivals) {
  if (sharedAddress(barrier) % 8) emulator::fail("a barrier wants a multiple of 8 bytes");
  if (arrivals < 1 || arrivals > 1024) emulator::fail("a barrier wants 1 to 1024 arrivals");
  emulator::BarrierState state{};
  state.arrivals = state.pending = arrivals;
  state.mark = emulator::kBarrierMark;
  std::memcpy(static_cast<void *>(barrier), &state, sizeof state);
}
inline void publishBarriers() {}
inline void arriveExpecting(uint64_t *barrier, uint32_t bytes) {
  emulator::BarrierState &state = emulator::barrierAt(barrier);
  if (state.pending == 0) emulator::fail("more arrivals at a barrier than it was initialised for");
  state.bytes += bytes;
  state.pending--;
  emulator::endPhaseWhenComplete(barrier);
}
inline void arrive(uint64_t *barrier) { arriveExpecting(barrier, 0); }
inline void waitFor(uint64_t *barrier, uint32_t parity) {
  while (emulator::barrierAt(barrier).phase == (parity & 1)) emulator::Machine::get().waitOn(emulator::barrierWaiting[barrier]);
}

// ---- The copy engine -----------------------------------------------------------------------------------------------------

namespace emulator {

// Hardware takes the 16-byte pieces of each 128 bytes in another order, by bits of the address itself.
inline uint32_t swizzledAddress(uint32_t address, CUtensorMapSwizzle swizzle) {
  const uint32_t bits[] = {0, 1, 3, 7};
  return address ^ ((address >> 7 & bits[swizzle]) << 4);
}
inline unsigned char *sharedAt(uint32_t address) {
  Machine &machine = Machine::get();
  const int64_t offset = static_cast<int64_t>(address) - kSharedBase;
  if (offset < 0 || offset >= machine.sharedBytes()) fail("a copy or a product reaches beyond shared memory");
  return machine.shared() + offset;
}
using Coordinates = std::array<int64_t, 3>;
inline uint32_t elementsOf(const CUtensorMap &map) { return map.box[0] * map.box[1] * map.box[2]; }
inline bool isInside(const CUtensorMap &map, const Coordinates &at) {
  for (size_t i = 0; i < 3; i++)
    if (at[i] < 0 || at[i] >= static_cast<int64_t>(map.sizes[i])) return false;
  return true;
}
inline void writeBox(uint32_t to, const CUtensorMap &map, const Coordinates &first, bool poison) {
  for (uint32_t place = 0; place < elementsOf(map); place++) {
    const uint32_t row = place / map.box[0];
    const Coordinates at{first[0] + place % map.box[0], first[1] + row % map.box[1], first[2] + row / map.box[1]};
    uint16_t value = poison ? 0xffff : 0;
    if (!poison && isInside(map, at))
      std::memcpy(&value, map.at + at[2] * static_cast<int64_t>(map.strides[1]) + at[1] * static_cast<int64_t>(map.strides[0]) + at[0] * 2, 2);
    std::memcpy(sharedAt(swizzledAddress(to + place * 2, map.swizzle)), &value, 2);
  }
}
inline void copyBoxOf(uint32_t dimensions, void *shared, const CUtensorMap *map, const Coordinates &first, uint64_t *barrier) {
  if (map->mark != kTensorMapMark || reinterpret_cast<uintptr_t>(map) % 64) fail("this is no tensor map");
  if (map->dimensions != dimensions) fail("a tensor map of other dimensions");
  const uint32_t to = sharedAddress(shared), alignment = map->swizzle == CU_TENSOR_MAP_SWIZZLE_128B ? 1024 : 128;
  if (to % alignment) fail("a box does not lie at the multiple that its swizzle wants");
  // The PTX manual does not say so; a GPU ends such a copy with an illegal instruction.
  if (first[0] % 8) fail("a box begins at a column that is no multiple of 16 bytes");
  barrierAt(barrier);
  writeBox(to, *map, first, true);
  Machine::get().later([=, box = *map] {
    writeBox(to, box, first, false);
    barrierAt(barrier).bytes -= elementsOf(box) * 2;
    endPhaseWhenComplete(barrier);
  });
}

}  // namespace emulator

inline void prefetchMap(const CUtensorMap *) {}
inline void copyBox(void *shared, const CUtensorMap *map, int column, int row, uint64_t *barrier) {
  emulator::copyBoxOf(2, shared, map, {column, row, 0}, barrier);
}
inline void copyHeadBox(void *shared, const CUtensorMap *map, int column, int head, int row, uint64_t *barrier) {
  emulator::copyBoxOf(3, shared, map, {column, head, row}, barrier);
}
inline void publishShared() {}

}  // namespace incache::cuda

namespace incache::cuda::INCACHE_STORAGE {

// ---- Products of a warpgroup ---------------------------------------------------------------------------------------------

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
    uint16_t bits;
    std::memcpy(&bits, sharedAt(swizzledAddress(address, kSwizzles[mode])), 2);
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

// The products that a thread has issued and not waited for, in groups of which the last is still open; and the sums that they
// work on, which the thread cannot see meanwhile.
struct InFlight {
  struct Sums {
    std::vector<float> values;
    int products = 0;
  };
  std::vector<std::vector<Product>> groups{1};
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

// The place-th product of the oldest group of a warpgroup whose first thread this is.
inline void execute(InFlight *threads, size_t place) {
  const Product &product = threads[0].groups.front()[place];
  static float left[64][16], right[256][16];
  for (int thread = 0; thread < 128; thread++) {
    const std::vector<Product> &group = threads[thread].groups.front();
    if (place >= group.size() || !group[place].matches(product)) fail("threads of a warpgroup have issued different products");
    const int row = thread / 32 * 16 + thread % 32 / 4, t = thread % 4 * 2;
    if (product.fromRegisters)
      for (int i = 0; i < 4; i++) {
        left[row + i % 2 * 8][t + i / 2 * 8] = lowOf(group[place].a[i]);
        left[row + i % 2 * 8][t + i / 2 * 8 + 1] = highOf(group[place].a[i]);
      }
  }
  for (int k = 0; k < 16; k++) {
    if (!product.fromRegisters)
      for (int row = 0; row < 64; row++) left[row][k] = readThroughDescriptor(product.left, row, k);
    for (int column = 0; column < product.columns; column++)
      right[column][k] = product.transposed ? readTransposed(product.right, k, column) : readThroughDescriptor(product.right, column, k);
  }
  for (int thread = 0; thread < 128; thread++) {
    const Product &own = threads[thread].groups.front()[place];
    std::vector<float> &sums = threads[thread].sums[own.sums].values;
    for (int i = 0; i < product.columns / 2; i++) {
      const int row = thread / 32 * 16 + thread % 32 / 4 + i % 4 / 2 * 8, column = i / 4 * 8 + thread % 4 * 2 + i % 2;
      double sum = product.replaces ? 0.0 : sums[static_cast<size_t>(i)];
      for (int k = 0; k < 16; k++) sum += static_cast<double>(left[row][k]) * right[column][k];
      sums[static_cast<size_t>(i)] = static_cast<float>(sum);
    }
  }
}

// Until at most `pending` groups of a warpgroup are left.
inline void executeGroups(InFlight *threads, size_t pending) {
  while (threads[0].groups.size() - 1 > pending) {
    const size_t products = threads[0].groups.front().size();
    for (size_t place = 0; place < products; place++) execute(threads, place);
    for (int thread = 0; thread < 128; thread++) {
      auto &groups = threads[thread].groups;
      if (groups.size() != threads[0].groups.size() + (thread > 0 ? 1 : 0) || groups.front().size() != products)
        fail("threads of a warpgroup have committed different groups");
      for (const Product &product : groups.front()) threads[thread].end(product);
      groups.erase(groups.begin());
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
inline void commitProducts() { products::inFlight[products::threadNumber()].groups.emplace_back(); }
template <int Pending>
void waitProducts() {
  static const char instruction = 0;
  emulator::Machine &machine = emulator::Machine::get();
  const int number = products::threadNumber(), first = number / 128 * 128;
  products::inFlight[number].fenced = false;
  machine.meet(machine.warpgroupMeeting(), 128, number - first, nullptr, &instruction,
               [&](const void *const *) { products::executeGroups(products::inFlight + first, Pending); });
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
