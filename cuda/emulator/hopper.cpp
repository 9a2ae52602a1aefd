#include "../common/hopper.cuh"

#include <array>
#include <map>
#include <vector>

#include "scheduler.h"

CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *at, const cuuint64_t *sizes,
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

cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned, unsigned long long,
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

std::map<const void *, Waiting> barrierWaiting;
std::vector<uint64_t *> unpublishedBarriers;

BarrierState &barrierAt(uint64_t *barrier) {
  sharedAddress(barrier);
  BarrierState &state = *reinterpret_cast<BarrierState *>(barrier);
  if (state.mark != kBarrierMark) fail("a barrier is used that has not been initialised, or has been overwritten");
  return state;
}
void endPhaseWhenComplete(uint64_t *barrier) {
  BarrierState &state = barrierAt(barrier);
  if (state.pending > 0 || state.bytes != 0) return;
  state.ended++;
  state.pending = state.arrivals;
  Machine::get().wake(barrierWaiting[barrier]);
}

}  // namespace emulator

void initBarrier(uint64_t *barrier, uint32_t arrivals) {
  if (sharedAddress(barrier) % 8) emulator::fail("a barrier wants a multiple of 8 bytes");
  if (arrivals < 1 || arrivals > 1024) emulator::fail("a barrier wants 1 to 1024 arrivals");
  emulator::BarrierState state{};
  state.arrivals = state.pending = arrivals;
  state.mark = emulator::kBarrierMark;
  std::memcpy(static_cast<void *>(barrier), &state, sizeof state);
  emulator::unpublishedBarriers.push_back(barrier);
}
void publishBarriers() {
  for (uint64_t *barrier : emulator::unpublishedBarriers) emulator::barrierAt(barrier).published = 1;
  emulator::unpublishedBarriers.clear();
}
void arriveExpecting(uint64_t *barrier, uint32_t bytes) {
  emulator::BarrierState &state = emulator::barrierAt(barrier);
  if (state.pending == 0) emulator::fail("more arrivals at a barrier than it was initialised for");
  state.bytes += bytes;
  if (state.bytes > emulator::kMostBytes) emulator::fail("a barrier waits for more bytes than it can count");
  state.pending--;
  emulator::endPhaseWhenComplete(barrier);
}
void arrive(uint64_t *barrier) { arriveExpecting(barrier, 0); }
void waitFor(uint64_t *barrier, uint32_t phase) {
  const auto &state = emulator::barrierAt(barrier);
  while (state.ended % 2 == phase % 2) emulator::Machine::get().waitOn(emulator::barrierWaiting[barrier]);
  if (state.ended != (phase + 1) % emulator::kPhases) emulator::fail("a wait has passed in another phase of its barrier than the one asked for");
}

// ---- The copy engine -----------------------------------------------------------------------------------------------------

namespace emulator {

uint32_t swizzledAddress(uint32_t address, CUtensorMapSwizzle swizzle) {
  const uint32_t bits[] = {0, 1, 3, 7};
  return address ^ ((address >> 7 & bits[swizzle]) << 4);
}
unsigned char *pieceAt(uint32_t address) {
  Machine &machine = Machine::get();
  const int64_t offset = static_cast<int64_t>(address) - kSharedBase;
  if (offset < 0 || offset + 16 > machine.sharedBytes()) fail("a copy or a product reaches beyond shared memory");
  return machine.shared() + offset;
}
unsigned char *publishedPiece(const unsigned char *shared) {
  Machine &machine = Machine::get();
  return machine.published() + (shared - machine.shared());
}
const unsigned char *publishedOf(const unsigned char *shared) { return publishedPiece(shared); }
using Coordinates = std::array<int64_t, 3>;
uint32_t elementsOf(const CUtensorMap &map) { return map.box[0] * map.box[1] * map.box[2]; }
// Of the row that begins there: where it lies in global memory, or null beyond the matrix.
const char *rowAt(const CUtensorMap &map, int64_t row, int64_t further) {
  const bool inside = row >= 0 && row < static_cast<int64_t>(map.sizes[1]) && further >= 0 && further < static_cast<int64_t>(map.sizes[2]);
  return inside ? map.at + further * static_cast<int64_t>(map.strides[1]) + row * static_cast<int64_t>(map.strides[0]) : nullptr;
}
// A row of a box is whole pieces of eight elements; those beyond the matrix are 0.
void writeBox(uint32_t to, const CUtensorMap &map, const Coordinates &first, bool poison) {
  const int64_t columns = static_cast<int64_t>(map.sizes[0]);
  for (uint32_t row = 0; row < map.box[1] * map.box[2]; row++) {
    const char *from = poison ? nullptr : rowAt(map, first[1] + row % map.box[1], first[2] + row / map.box[1]);
    for (uint32_t place = 0; place < map.box[0]; place += 8) {
      uint16_t values[8];
      std::memset(values, poison ? 0xff : 0, sizeof values);
      const int64_t column = first[0] + place;
      const int64_t begin = std::max<int64_t>(column, 0), end = std::min(column + 8, columns);
      if (from && begin < end) std::memcpy(values + (begin - column), from + begin * 2, static_cast<size_t>(end - begin) * 2);
      unsigned char *piece = pieceAt(swizzledAddress(to + (row * map.box[0] + place) * 2, map.swizzle));
      std::memcpy(piece, values, sizeof values);
      std::memcpy(publishedPiece(piece), values, sizeof values);
    }
  }
}
void copyBoxOf(uint32_t dimensions, void *shared, const CUtensorMap *map, const Coordinates &first, uint64_t *barrier) {
  if (map->mark != kTensorMapMark || reinterpret_cast<uintptr_t>(map) % 64) fail("this is no tensor map");
  if (map->dimensions != dimensions) fail("a tensor map of other dimensions");
  const uint32_t to = sharedAddress(shared), alignment = map->swizzle == CU_TENSOR_MAP_SWIZZLE_128B ? 1024 : 128;
  if (to % alignment) fail("a box does not lie at the multiple that its swizzle wants");
  // The PTX manual does not say so; a GPU ends such a copy with an illegal instruction.
  if (first[0] % 8) fail("a box begins at a column that is no multiple of 16 bytes");
  if (!barrierAt(barrier).published) fail("a copy is to arrive at a barrier that has not been published");
  if (const unsigned char *at = pieceAt(to); std::memcmp(at, publishedOf(at), elementsOf(*map) * 2)) fail("a box is copied over what was written and not published");
  writeBox(to, *map, first, true);
  Machine::get().later([=, box = *map] {
    writeBox(to, box, first, false);
    barrierAt(barrier).bytes -= elementsOf(box) * 2;
    endPhaseWhenComplete(barrier);
  });
}

}  // namespace emulator

void copyBox(void *shared, const CUtensorMap *map, int column, int row, uint64_t *barrier) {
  emulator::copyBoxOf(2, shared, map, {column, row, 0}, barrier);
}
void copyHeadBox(void *shared, const CUtensorMap *map, int column, int head, int row, uint64_t *barrier) {
  emulator::copyBoxOf(3, shared, map, {column, head, row}, barrier);
}
void publishShared() {
  emulator::Machine &machine = emulator::Machine::get();
  std::memcpy(machine.published(), machine.shared(), static_cast<size_t>(machine.sharedBytes()));
}

}  // namespace incache::cuda
