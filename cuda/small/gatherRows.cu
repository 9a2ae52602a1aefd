// out[i] = table[index[i]].
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct TableRow {
  Operand table;
  const int32_t *index;
  int64_t stride, rows;

  // An index is held to the table: what is out of it has been refused where the host could see it.
  __device__ __forceinline__ Four operator()(const FourColumns &at) const {
    const int64_t row = index[at.row * stride];
    return at.read(table, max(int64_t{0}, min(row, rows - 1)));
  }
};

void launchGatherRows(const BoundOp &b, const LaunchContext &context) {
  launchElementwise(TableRow{operandOf(b.table), static_cast<const int32_t *>(b.index.at), b.index.stride, b.table.rows}, {&b.table},
                    b.out, context);
}

}  // namespace

const CudaKernel kGatherRows = {noScratch, launchGatherRows};

}  // namespace incache::cuda::INCACHE_STORAGE
