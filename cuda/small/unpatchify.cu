// Tokens to images: token (p, q, channel) of patch (ph, pw).
#include "../common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

// One element of an image an item.
__global__ void __launch_bounds__(kElementwiseThreads)
    unpatchifyKernel(const __grid_constant__ Operand x, const __grid_constant__ Operand out, int64_t images, int64_t channels, int64_t height,
                     int64_t width, int64_t patch) {
  const int64_t columns = channels * height * width, across = width / patch, perImage = height / patch * across;
  eachItem(images * columns, [&](int64_t item) {
    const Division element = divide(item, columns), line = divide(element.remainder, width), channel = divide(line.quotient, height);
    const Division row = divide(channel.remainder, patch), column = divide(line.remainder, patch);
    const int64_t token = element.quotient * perImage + row.quotient * across + column.quotient;
    const int64_t place = (row.remainder * patch + column.remainder) * channels + channel.quotient;
    out.write(element.quotient, element.remainder, x.read(token, place));
  });
}

void launchUnpatchify(const BoundOp &b, const LaunchContext &context) {
  launch(unpatchifyKernel, elementwiseGrid(b.out.rows * b.out.columns, context), dim3(kElementwiseThreads), 0, context, operandOf(b.x),
         operandOf(b.out), b.out.rows, b.op->channels, b.op->height, b.op->width, b.op->patch);
}

}  // namespace

const CudaKernel kUnpatchify = {noScratch, launchUnpatchify};

}  // namespace incache::cuda::INCACHE_STORAGE
