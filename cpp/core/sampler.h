// Samples a batch of a model file on a device (src/pipeline/batch.ts, without its options).
#pragma once
#include <memory>

#include "executable.h"
#include "model.h"

namespace incache {

struct SampleSettings {
  std::vector<uint32_t> labels;
  uint64_t seed;
  uint32_t firstImage;
};

class Sampler {
 public:
  Sampler(std::shared_ptr<Device> device, std::shared_ptr<const Model> model, SampleSettings settings);
  void restart(SampleSettings settings);
  // Takes a step and returns how many remain. After one that has thrown, only a restart goes on.
  // cancellation: null, or what may end the step early.
  size_t step(const Cancellation *cancellation);
  const std::vector<float> &latents() const { return latents_; }

 private:
  std::shared_ptr<Device> device_;
  std::shared_ptr<const Model> model_;
  SampleSettings settings_;
  Weights weights_;
  std::map<std::string, Buffer> buffers_;
  std::unique_ptr<Executable> conditioning_;
  std::vector<std::unique_ptr<Executable>> plans_;
  std::vector<float> latents_, prediction_;
  std::vector<double> x0Before_;
  size_t next_ = 0;
  // A step has failed: caches or latents are not what the next one would need.
  bool broken_ = false;

  void requireSettings(const SampleSettings &settings) const;
  std::unique_ptr<Executable> prepare(const Plan &plan);
  void condition(size_t firstStep, const Cancellation *cancellation);
  void evaluate(size_t step, const Cancellation *cancellation);
  void guide();
  void advance(size_t step);
  // Throws an Error (INCACHE_NOT_FINITE).
  void requireFinite(size_t step) const;
};

}  // namespace incache
