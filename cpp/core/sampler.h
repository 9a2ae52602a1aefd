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
  // Takes a step and returns how many remain.
  size_t step();
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

  void requireSettings(const SampleSettings &settings) const;
  std::unique_ptr<Executable> prepare(const Plan &plan);
  void condition(size_t firstStep);
  void evaluate(size_t step);
  void guide();
  void advance(size_t step);
};

}  // namespace incache
