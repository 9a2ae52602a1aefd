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

// Dimensions from the innermost on; strides, in bytes, of all but that one.
template <int Dimensions>
bool encode(const void *at, const cuuint64_t (&sizes)[Dimensions], const cuuint64_t (&strides)[Dimensions - 1],
            const cuuint32_t (&box)[Dimensions], CUtensorMap &map) {
  static const EncodeTiled encodeTiled = findEncodeTiled();
  if (!encodeTiled) return false;
  constexpr CUtensorMapDataType kType = kIsFloat16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  const cuuint32_t steps[] = {1, 1, 1};
  return encodeTiled(&map, kType, Dimensions, const_cast<void *>(at), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
                     CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE) == CUDA_SUCCESS;
}

}  // namespace

bool fitsTensorMap(const BoxedMatrix &m) {
  constexpr int64_t kMostElements = int64_t{1} << 32, kMostStride = (int64_t{1} << 40) - 16;
  return reinterpret_cast<uintptr_t>(m.at) % 16 == 0 && isBetween(m.rows, 1, kMostElements - 1) && isBetween(m.columns, 1, kMostElements - 1) &&
         m.stride % 8 == 0 && isBetween(m.stride, m.columns, kMostStride / 2) && isBetween(m.boxRows, 1, 256) && m.boxColumns == kBoxColumns;
}

bool encodeTensorMap(const BoxedMatrix &m, CUtensorMap &map) {
  if (!fitsTensorMap(m)) return false;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(m.columns), static_cast<cuuint64_t>(m.rows)};
  const cuuint64_t rowBytes[] = {static_cast<cuuint64_t>(m.stride) * 2};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(m.boxColumns), static_cast<cuuint32_t>(m.boxRows)};
  return encode(m.at, sizes, rowBytes, box, map);
}

bool fitsHeadMap(const BoxedHeads &m) {
  return m.width % 8 == 0 && isBetween(m.width, 8, m.stride) && isBetween(m.heads, 1, m.stride / m.width) &&
         fitsTensorMap({m.at, m.rows, m.heads * m.width, m.stride, m.boxRows, m.boxColumns});
}

bool encodeHeadMap(const BoxedHeads &m, CUtensorMap &map) {
  if (!fitsHeadMap(m)) return false;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(m.width), static_cast<cuuint64_t>(m.heads), static_cast<cuuint64_t>(m.rows)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(m.width) * 2, static_cast<cuuint64_t>(m.stride) * 2};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(m.boxColumns), 1, static_cast<cuuint32_t>(m.boxRows)};
  return encode(m.at, sizes, strides, box, map);
}

}  // namespace incache::cuda::INCACHE_STORAGE
