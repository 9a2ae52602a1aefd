// Images to tokens: token (channel, p, q) of patch (ph, pw).
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// One element of a token an item.
__global__ void __launch_bounds__(kElementwiseThreads)
    patchifyKernel(const __grid_constant__ Operand x, const __grid_constant__ Operand out, int64_t tokens, int64_t channels, int64_t height,
                   int64_t width, int64_t patch) {
  const int64_t columns = channels * patch * patch, across = width / patch, perImage = height / patch * across;
  eachItem(tokens * columns, [&](int64_t item) {
    const Division element = divide(item, columns), token = divide(element.quotient, perImage), top = divide(token.remainder, across);
    const Division line = divide(element.remainder, patch), channel = divide(line.quotient, patch);
    const int64_t row = top.quotient * patch + channel.remainder, column = top.remainder * patch + line.remainder;
    out.write(element.quotient, element.remainder, x.read(token.quotient, (channel.quotient * height + row) * width + column));
  });
}

void launchPatchify(const BoundOp &b, const LaunchContext &context) {
  launch(patchifyKernel, elementwiseGrid(b.out.rows * b.out.columns, context), dim3(kElementwiseThreads), 0, context, operandOf(b.x),
         operandOf(b.out), b.out.rows, b.op->channels, b.op->height, b.op->width, b.op->patch);
}

}  // namespace

const CudaKernel kPatchify = {noScratch, launchPatchify};

}  // namespace incache::cuda::INCACHE_STORAGE
