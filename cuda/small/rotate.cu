// Rotary position embedding: each pair (a, b) of columns of a head becomes (a cos - b sin, a sin + b cos). Four pairs a thread.
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

struct RotateArguments {
  Operand x, cos, sin, out;
  int64_t rows, heads, half, tableRows;
  bool interleaved, fours;
};

// All of the four pairs is read before any of it is written: the output may be the input.
__global__ void __launch_bounds__(kElementwiseThreads) rotateKernel(const __grid_constant__ RotateArguments a) {
  const int64_t foursAcross = (a.half + 3) / 4;
  eachItem(a.rows * a.heads * foursAcross, [&](int64_t item) {
    const Division head = divide(item, foursAcross), place = divide(head.quotient, a.heads);
    const int64_t row = place.quotient, j = head.remainder * 4, start = place.remainder * 2 * a.half, end = start + 2 * a.half;
    const int64_t tableRow = divide(row, a.tableRows).remainder;
    const FourColumns table{tableRow, j, a.half, a.fours};
    const Four c = table.read(a.cos, tableRow), s = table.read(a.sin, tableRow);
    const FourColumns low{row, start + (a.interleaved ? 2 * j : j), a.interleaved ? end : start + a.half, a.fours};
    const FourColumns high{row, a.interleaved ? start + 2 * j + 4 : start + a.half + j, end, a.fours};
    Four x = low.read(a.x, row), y = high.read(a.x, row);
    const auto turn = [&](float &first, float &second, int pair) {
      const float value = first;
      first = value * c.at[pair] - second * s.at[pair];
      second = value * s.at[pair] + second * c.at[pair];
    };
    if (a.interleaved) {
      turn(x.at[0], x.at[1], 0), turn(x.at[2], x.at[3], 1);
      turn(y.at[0], y.at[1], 2), turn(y.at[2], y.at[3], 3);
    } else {
#pragma unroll
      for (int pair = 0; pair < 4; pair++) turn(x.at[pair], y.at[pair], pair);
    }
    low.write(a.out, x);
    high.write(a.out, y);
  });
}

void launchRotate(const BoundOp &b, const LaunchContext &context) {
  const int64_t half = b.cos.columns;
  const bool fours = half % 4 == 0 && allowsFours(b.x) && allowsFours(b.cos) && allowsFours(b.sin) && allowsFours(b.out);
  const RotateArguments a{operandOf(b.x), operandOf(b.cos), operandOf(b.sin), operandOf(b.out), b.x.rows, b.op->heads,
                          half, b.cos.rows, b.op->pairs == Pairs::interleaved, fours};
  launch(rotateKernel, elementwiseGrid(a.rows * a.heads * divideUp(half, 4), context), dim3(kElementwiseThreads), 0, context, a);
}

}  // namespace

const CudaKernel kRotate = {noScratch, launchRotate};

}  // namespace incache::cuda::INCACHE_STORAGE
