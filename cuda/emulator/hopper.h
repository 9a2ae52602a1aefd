// The primitives of common/hopper.cuh and common/wgmma.cuh, as the PTX manual defines them, and the part of the driver that
// makes tensor maps.
//
// A box arrives at some later change of threads, and its target holds NaN until then. A wait that passes in another phase of its barrier
// than the one asked for ends the process: hardware, which compares parities, would go on. So does a copy or a product that meets
// ordinary writes which publishShared has not made known to it.
#pragma once
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

CUresult cuTensorMapEncodeTiled(CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *at, const cuuint64_t *sizes,
                                const cuuint64_t *strides, const cuuint32_t *box, const cuuint32_t *steps, CUtensorMapInterleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill);

enum cudaDriverEntryPointQueryResult { cudaDriverEntryPointSuccess, cudaDriverEntryPointSymbolNotFound };
enum { cudaEnableDefault = 0 };
cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult *result);

namespace incache::cuda {

void initBarrier(uint64_t *barrier, uint32_t arrivals);
void publishBarriers();
void arriveExpecting(uint64_t *barrier, uint32_t bytes);
void arrive(uint64_t *barrier);
inline uint32_t phaseAfter(uint32_t phase, int phases) { return phase + static_cast<uint32_t>(phases); }
void waitFor(uint64_t *barrier, uint32_t phase);

inline void prefetchMap(const CUtensorMap *) {}
void copyBox(void *shared, const CUtensorMap *map, int column, int row, uint64_t *barrier);
void copyHeadBox(void *shared, const CUtensorMap *map, int column, int head, int row, uint64_t *barrier);
// What any thread has written; hardware publishes the calling thread's own writes alone.
void publishShared();

namespace emulator {

// Hardware takes the 16-byte pieces of each 128 bytes in another order, by bits of the address itself.
uint32_t swizzledAddress(uint32_t address, CUtensorMapSwizzle swizzle);
// 16 bytes of shared memory, at a multiple of 16.
unsigned char *pieceAt(uint32_t address);
// What the copy engine and products see in the place of these bytes.
const unsigned char *publishedOf(const unsigned char *shared);

}  // namespace emulator
}  // namespace incache::cuda

#include "wgmma.h"
