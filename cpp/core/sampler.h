// Samples a batch of a model file on a device (src/pipeline/batch.ts, without its options).
#pragma once
#include <memory>

#include "decoder.h"
#include "model_inputs.h"

namespace incache {

struct SampleSettings {
  InputValues inputs;
  uint64_t seed, firstImage;
};

class Sampler {
 public:
  Sampler(std::shared_ptr<Device> device, std::shared_ptr<const Model> model, SampleSettings settings);
  void restart(SampleSettings settings);
  // Takes a step and returns how many remain. After a step that threw, only a restart can go on.
  size_t step(RunControl &control);
  const std::vector<float> &latents() const { return latents_; }
  // The latents as pictures: images x height x width x channels bytes. Throws an Error if the model gives no pictures.
  std::vector<uint8_t> pictures(RunControl &control);

 private:
  std::shared_ptr<Device> device_;
  std::shared_ptr<const Model> model_;
  SampleSettings settings_;
  BoundPlans bound_;
  std::unique_ptr<Executable> conditioning_;
  // Null if the model has no context.
  std::unique_ptr<Executable> context_;
  std::vector<std::unique_ptr<Executable>> plans_;
  // Made when the first picture is requested, so that a program that wants only latents does not pay for it.
  std::unique_ptr<Decoder> decoder_;
  std::vector<float> latents_, prediction_;
  std::vector<double> x0Before_, x0Earlier_;
  size_t next_ = 0;
  // A step has failed, so caches or latents are not what the next step needs.
  bool broken_ = false;

  // The number of an image of the batch in the seed's sequence.
  uint32_t placeOf(int64_t image) const { return static_cast<uint32_t>(settings_.firstImage) + static_cast<uint32_t>(image); }
  void requireSettings(const SampleSettings &settings) const;
  void condition(size_t firstStep, RunControl &control);
  void evaluate(size_t step, RunControl &control);
  void guide();
  void advance(size_t step);
  // Throws an Error (INCACHE_NOT_FINITE) if a latent is infinite or not a number.
  void requireFinite(size_t step) const;
};

}  // namespace incache
