// The primitives of common/hopper.cuh and common/wgmma.cuh, as the PTX manual defines them, and the part of the driver that
// makes tensor maps.
//
// A box arrives at some later change of threads, and its target holds NaN until then. A wait that passes in another phase of its barrier
// than the one asked for ends the process: hardware, which compares parities, would go on. So does a copy or a product that meets
// ordinary writes which publishShared has not made known to it.
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

// What a barrier's 8 bytes hold. `ended`: phases, modulo kPhases.
struct BarrierState {
  uint64_t arrivals : 11, pending : 11, ended : 12, published : 1, mark : 7;
  int64_t bytes : 22;
};
static_assert(sizeof(BarrierState) == 8, "a barrier has 8 bytes");
constexpr uint64_t kBarrierMark = 0x55;
constexpr uint32_t kPhases = 1 << 12;
constexpr int64_t kMostBytes = (1 << 20) - 1;

inline std::map<const void *, Waiting> barrierWaiting;
inline std::vector<uint64_t *> unpublishedBarriers;

inline BarrierState &barrierAt(uint64_t *barrier) {
  sharedAddress(barrier);
  BarrierState &state = *reinterpret_cast<BarrierState *>(barrier);
  if (state.mark != kBarrierMark) fail("a barrier is used that has not been initialised, or has been overwritten");
  return state;
}
inline void endPhaseWhenComplete(uint64_t *barrier) {
  BarrierState &state = barrierAt(barrier);
  if (state.pending > 0 || state.bytes != 0) return;
  state.ended++;
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
  emulator::unpublishedBarriers.push_back(barrier);
}
inline void publishBarriers() {
  for (uint64_t *barrier : emulator::unpublishedBarriers) emulator::barrierAt(barrier).published = 1;
  emulator::unpublishedBarriers.clear();
}
inline void arriveExpecting(uint64_t *barrier, uint32_t bytes) {
  emulator::BarrierState &state = emulator::barrierAt(barrier);
  if (state.pending == 0) emulator::fail("more arrivals at a barrier than it was initialised for");
  state.bytes += bytes;
  if (state.bytes > emulator::kMostBytes) emulator::fail("a barrier waits for more bytes than it can count");
  state.pending--;
  emulator::endPhaseWhenComplete(barrier);
}
inline void arrive(uint64_t *barrier) { arriveExpecting(barrier, 0); }
inline uint32_t phaseAfter(uint32_t phase, int phases) { return phase + static_cast<uint32_t>(phases); }
inline void waitFor(uint64_t *barrier, uint32_t phase) {
  const auto &state = emulator::barrierAt(barrier);
  while (state.ended % 2 == phase % 2) emulator::Machine::get().waitOn(emulator::barrierWaiting[barrier]);
  if (state.ended != (phase + 1) % emulator::kPhases) emulator::fail("a wait has passed in another phase of its barrier than the one asked for");
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
inline unsigned char *publishedAt(uint32_t address) { return sharedAt(address) - Machine::get().shared() + Machine::get().published(); }
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
    const uint32_t address = swizzledAddress(to + place * 2, map.swizzle);
    std::memcpy(sharedAt(address), &value, 2);
    std::memcpy(publishedAt(address), &value, 2);
  }
}
inline void copyBoxOf(uint32_t dimensions, void *shared, const CUtensorMap *map, const Coordinates &first, uint64_t *barrier) {
  if (map->mark != kTensorMapMark || reinterpret_cast<uintptr_t>(map) % 64) fail("this is no tensor map");
  if (map->dimensions != dimensions) fail("a tensor map of other dimensions");
  const uint32_t to = sharedAddress(shared), alignment = map->swizzle == CU_TENSOR_MAP_SWIZZLE_128B ? 1024 : 128;
  if (to % alignment) fail("a box does not lie at the multiple that its swizzle wants");
  // The PTX manual does not say so; a GPU ends such a copy with an illegal instruction.
  if (first[0] % 8) fail("a box begins at a column that is no multiple of 16 bytes");
  if (!barrierAt(barrier).published) fail("a copy is to arrive at a barrier that has not been published");
  if (std::memcmp(sharedAt(to), publishedAt(to), elementsOf(*map) * 2)) fail("a box is copied over what was written and not published");
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
// What any thread has written; hardware publishes the calling thread's own writes alone.
inline void publishShared() {
  emulator::Machine &machine = emulator::Machine::get();
  std::memcpy(machine.published(), machine.shared(), static_cast<size_t>(machine.sharedBytes()));
}

}  // namespace incache::cuda

#include "wgmma.h"
