#include "samplerStep.h"

#include "common/elementwise.cuh"

namespace incache::cuda::INCACHE_STORAGE {
namespace {

__device__ __forceinline__ double productSum(double a, double x, double b, double y) { return added(multiplied(a, x), multiplied(b, y)); }

// A value that is not a number stays one.
__device__ __forceinline__ double heldTo(double value, double clip) { return value < -clip ? -clip : value > clip ? clip : value; }

__global__ void __launch_bounds__(kElementwiseThreads) samplerStepKernel(const __grid_constant__ SamplerStep s) {
  const SamplerCoefficients c = s.table[s.step];
  eachItem(s.images * s.latentSize, [&](int64_t item) {
    const Division place = divide(item, s.latentSize);
    const float *conditional = s.prediction + place.quotient * s.predictionSize + place.remainder;
    float noise = *conditional;
    if (s.scales && place.remainder < s.guidedSize) {
      const double without = conditional[s.images * s.predictionSize];
      noise = static_cast<float>(added(without, multiplied(s.scales[place.quotient], added(noise, -without))));
    }
    const double x = s.latents[item], e = noise, before = s.x0Before[item], earlier = s.x0Earlier[item];
    const double x0 = heldTo(productSum(c.x0FromX, x, c.x0FromNoise, e), c.clip);
    const double history = productSum(c.fromX0Before, before, c.fromX0Earlier, earlier);
    const float next = static_cast<float>(added(added(productSum(c.fromX, x, c.fromX0, x0), history), multiplied(c.fromNoise, e)));
    s.x0Before[item] = x0;
    s.x0Earlier[item] = before;
    s.latents[item] = next;
    if (s.scales) s.latents[s.images * s.latentSize + item] = next;
    // Also of a NaN.
    if (!(fabsf(next) <= 3.40282347e38f)) keepLeast(s.firstBad, static_cast<int32_t>(s.step * s.images + place.quotient));
  });
}

}  // namespace

void launchSamplerStep(const SamplerStep &step, const LaunchContext &context) {
  launch(samplerStepKernel, elementwiseGrid(step.images * step.latentSize, context), dim3(kElementwiseThreads), 0, context, step);
}

}  // namespace incache::cuda::INCACHE_STORAGE
