// Philox4x32-10 (Salmon et al., SC 2011) and normal deviates from it, as src/diffusion/philox.ts draws them.
#pragma once
#include <cstdint>

namespace incache {

// `count` standard normal deviates of an image: a function of (seed, stream, image, place) alone.
void normals(uint64_t seed, uint32_t stream, uint32_t image, int64_t count, float *values);

}  // namespace incache
