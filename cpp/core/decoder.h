// Turns latents into pictures, by the decoder of a model file where it has one; otherwise the latents are the picture.
#pragma once
#include "bound_plans.h"
#include "model.h"

namespace incache {

class Decoder {
 public:
  Decoder(std::shared_ptr<Device> device, std::shared_ptr<const Model> model);
  // The picture of one image's latents: height x width x channels bytes. If it throws an Error, nothing is written.
  void decode(const float *latents, uint8_t *picture, RunControl &control);
  // Operations that one picture takes.
  uint64_t operations() const { return plan_ ? plan_->operations() : 1; }

 private:
  std::shared_ptr<const Model> model_;
  BoundPlans bound_;
  // Null where the latents are the picture.
  std::unique_ptr<Executable> plan_;
  std::vector<float> latents_, planes_;
};

}  // namespace incache
