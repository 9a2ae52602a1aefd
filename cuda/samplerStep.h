// A step of a sampler on latents that stay on the device, for runs whose steps nobody looks at (docs/cuda.md, "Sampling on the device").
#pragma once
#include "kernels.h"

namespace incache::cuda::INCACHE_STORAGE {

// What a step does with latents x, predicted noise e and the x0 of the two steps before (src/diffusion/sampler.ts):
//   x0 = x0FromX x + x0FromNoise e, held to [-clip, clip]
//   x' = fromX x + fromX0 x0 + fromX0Before x0Before + fromX0Earlier x0Earlier + fromNoise e
// Steps that add fresh noise are taken on the host.
struct SamplerCoefficients {
  double x0FromX, x0FromNoise;
  double clip;  // infinite where there is none
  double fromX, fromX0, fromX0Before, fromX0Earlier, fromNoise;
};

// All in device memory. A sequence is an image, or under guidance an image's unconditional counterpart: first all images, then those.
struct SamplerStep {
  const float *prediction;      // sequences x predictionSize, of which the first latentSize are the noise
  float *latents;               // sequences x latentSize, the same for both of an image
  double *x0Before, *x0Earlier;  // images x latentSize
  const SamplerCoefficients *table;  // of all steps
  const double *scales;         // of guidance, one an image; null without guidance
  int32_t *firstBad;            // the least step * images + image that left a value which is not finite; INT32_MAX where none has
  int64_t images, latentSize, predictionSize;
  int64_t guidedSize;  // so many values of a prediction are guided
  int32_t step;
};

// In float64, rounded once, each operation by itself and in the order of the host's sampler: with the same bits. Guided values are
// rounded to float32 before the step, as there.
void launchSamplerStep(const SamplerStep &step, const LaunchContext &context);

}  // namespace incache::cuda::INCACHE_STORAGE
