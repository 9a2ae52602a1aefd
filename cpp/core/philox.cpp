#include "philox.h"

#include <array>
#include <cmath>

namespace incache {
namespace {

using Words = std::array<uint32_t, 4>;

Words philox(Words c, uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; round++) {
    const uint64_t a = uint64_t{0xd2511f53} * c[0], b = uint64_t{0xcd9e8d57} * c[2];
    c = {static_cast<uint32_t>(b >> 32) ^ c[1] ^ k0, static_cast<uint32_t>(b), static_cast<uint32_t>(a >> 32) ^ c[3] ^ k1,
         static_cast<uint32_t>(a)};
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  return c;
}

// The Box-Muller transform, in float64.
std::array<float, 2> boxMuller(uint32_t a, uint32_t b) {
  // In (0, 1], so that the logarithm is finite.
  const double radius = std::sqrt(-2.0 * std::log((static_cast<double>(a) + 1.0) / 4294967296.0));
  const double angle = 2.0 * 3.141592653589793 * static_cast<double>(b) / 4294967296.0;
  return {static_cast<float>(radius * std::cos(angle)), static_cast<float>(radius * std::sin(angle))};
}

}  // namespace

void normals(uint64_t seed, uint32_t stream, uint32_t image, int64_t count, float *values) {
  for (int64_t i = 0; i < count; i += 4) {
    const Words w = philox({static_cast<uint32_t>(i / 4), image, stream, 0}, static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32));
    const auto first = boxMuller(w[0], w[1]), second = boxMuller(w[2], w[3]);
    const float four[] = {first[0], first[1], second[0], second[1]};
    for (int64_t j = 0; j < 4 && i + j < count; j++) values[i + j] = four[j];
  }
}

}  // namespace incache
