// Steps of samplers on the device, bit by bit as the sampler of the host takes them (cpp/core/sampler.cpp).
#include "../samplerStep.h"

#include "check.h"

using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr double kNoClip = std::numeric_limits<double>::infinity();
// DDIM of two steps with x0 clipped, one of DPM-Solver++ of order 3, and one of noise prediction.
constexpr SamplerCoefficients kTable[] = {{7.3, -7.2, 0.7, 0, 0.31, 0, 0, 0.93},
                                          {3.1, -2.9, 0.9, 0, 0.62, 0, 0, 0.77},
                                          {1.7, -1.4, kNoClip, 0.41, 1.9, -1.1, 0.27, 0},
                                          {0.2, 0.9, kNoClip, 1.13, -0.35, 0.17, -0.08, 0.4}};
constexpr int kSteps = 4;

struct Shape {
  int64_t images, latentSize, predictionSize, guidedSize;
  bool guided;
};

// What cpp/core/sampler.cpp does, of one element.
struct Value {
  float x;
  double before = 0, earlier = 0;

  void advance(const SamplerCoefficients &c, float noise) {
    const double now = x, epsilon = noise, clean = c.x0FromX * now + c.x0FromNoise * epsilon;
    const double x0 = std::clamp(clean, -c.clip, c.clip), history = c.fromX0Before * before + c.fromX0Earlier * earlier;
    x = static_cast<float>(c.fromX * now + c.fromX0 * x0 + history + c.fromNoise * epsilon);
    earlier = before;
    before = x0;
  }
};

// `badStep`: of which the prediction has a value that is not finite in the last image; -1 for none.
void check(const char *name, const Shape &shape, int badStep = -1) {
  const auto [images, size, predicted, guidedSize, guided] = shape;
  const int64_t sequences = guided ? 2 * images : images;
  Random random(3);
  const Array<float> prediction(sequences * predicted), latents(sequences * size);
  const Array<double> before(images * size), earlier(images * size), scales(images);
  const Array<SamplerCoefficients> table(kSteps);
  const Array<int32_t> firstBad(1);
  std::vector<Value> expected;
  for (int64_t i = 0; i < images * size; i++) {
    latents[i] = random.value();
    before[i] = earlier[i] = 0;
    expected.push_back({latents[i]});
  }
  for (int64_t i = 0; i < images; i++) scales[i] = 1.5 + 0.7 * static_cast<double>(i);
  for (int i = 0; i < kSteps; i++) table[i] = kTable[i];
  firstBad[0] = std::numeric_limits<int32_t>::max();
  for (int step = 0; step < kSteps; step++) {
    for (int64_t i = 0; i < sequences * predicted; i++) prediction[i] = random.value();
    if (step == badStep) prediction[images * predicted - predicted + size - 1] = std::numeric_limits<float>::quiet_NaN();
    const LaunchContext context = hopperContext(3);
    launchSamplerStep({prediction.data(), latents.data(), before.data(), earlier.data(), table.data(), guided ? scales.data() : nullptr,
                       firstBad.data(), images, size, predicted, guidedSize, step},
                      context);
    finishRun(name);
    for (int64_t i = 0; i < images * size; i++) {
      const int64_t image = i / size, place = image * predicted + i % size;
      float noise = prediction[place];
      if (guided && i % size < guidedSize) {
        const double without = prediction[place + images * predicted];
        noise = static_cast<float>(without + scales[image] * (static_cast<double>(noise) - without));
      }
      Value &value = expected[static_cast<size_t>(i)];
      value.advance(kTable[step], noise);
      const bool same = latents[i] == value.x || (std::isnan(latents[i]) && std::isnan(value.x));
      expect(same, "%s: step %d, value %lld is %.9g; expected %.9g", name, step, static_cast<long long>(i), latents[i], value.x);
      if (guided) expect(std::memcmp(&latents[i], &latents[images * size + i], 4) == 0, "%s: the halves of guidance differ", name);
    }
  }
  const int32_t bad = badStep < 0 ? std::numeric_limits<int32_t>::max() : static_cast<int32_t>(badStep * images + images - 1);
  expect(firstBad[0] == bad, "%s: the first value that is not finite is at %d; expected %d", name, firstBad[0], bad);
}

}  // namespace

int main() {
  check("one image", {1, 5, 5, 0, false});
  check("a learned variance", {3, 77, 154, 0, false});
  check("guidance of three of four channels", {3, 1028, 2056, 771, true});
  check("guidance of all channels", {2, 36, 36, 36, true});
  check("a value that is not finite", {3, 50, 100, 20, true}, 2);
  std::puts("samplerStep: all passed");
}
