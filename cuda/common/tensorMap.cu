#include "tensorMap.h"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

typedef decltype(&cuTensorMapEncodeTiled) EncodeTiled;

// The driver's function, by way of the runtime: nothing is linked to the driver's library, which may be absent.
EncodeTiled findEncodeTiled() {
  void *function = nullptr;
  cudaDriverEntryPointQueryResult result;
#if !defined(INCACHE_CUDA_EMULATED) && CUDART_VERSION < 12050
  const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &function, cudaEnableDefault, &result);
#else
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, 12000, cudaEnableDefault, &result);
#endif
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess) {
    // Not an error of the launch: another kernel can do the work.
    cudaGetLastError();
    return nullptr;
  }
  return reinterpret_cast<EncodeTiled>(function);
}

constexpr bool isBetween(int64_t value, int64_t least, int64_t most) { return value >= least && value <= most; }

}  // namespace

bool fitsTensorMap(const BoxedMatrix &m) {
  constexpr int64_t kMostElements = int64_t{1} << 32, kMostStride = (int64_t{1} << 40) - 16;
  return reinterpret_cast<uintptr_t>(m.at) % 16 == 0 && isBetween(m.rows, 1, kMostElements - 1) && isBetween(m.columns, 1, kMostElements - 1) &&
         m.stride % 8 == 0 && isBetween(m.stride, m.columns, kMostStride / 2) && isBetween(m.boxRows, 1, 256) && m.boxColumns == kBoxColumns;
}

bool encodeTensorMap(const BoxedMatrix &m, CUtensorMap &map) {
  static const EncodeTiled encode = findEncodeTiled();
  if (!fitsTensorMap(m) || !encode) return false;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(m.columns), static_cast<cuuint64_t>(m.rows)};
  const cuuint64_t rowBytes[] = {static_cast<cuuint64_t>(m.stride) * 2};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(m.boxColumns), static_cast<cuuint32_t>(m.boxRows)}, steps[] = {1, 1};
  constexpr CUtensorMapDataType kType = kIsFloat16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  return encode(&map, kType, 2, const_cast<void *>(m.at), sizes, rowBytes, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

}  // namespace incache::cuda::INCACHE_STORAGE
