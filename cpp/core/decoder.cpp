#include "decoder.h"

#include <algorithm>
#include <cmath>

#include "error.h"

namespace incache {

Decoder::Decoder(std::shared_ptr<Device> device, std::shared_ptr<const Model> model)
    : model_(std::move(model)),
      bound_(std::move(device)),
      latents_(static_cast<size_t>(model_->latents())),
      planes_(static_cast<size_t>(model_->picture().bytes())) {
  if (model_->decoder) plan_ = bound_.prepare(model_->decoder->plan, model_->file);
}

void Decoder::decode(const float *latents, uint8_t *picture, RunControl &control) {
  control.requireNotCancelled();
  const PictureSize &size = model_->picture();
  if (plan_) {
    const double scale = model_->decoder->scalingFactor, shift = model_->decoder->shiftFactor;
    std::transform(latents, latents + latents_.size(), latents_.begin(),
                   [&](float value) { return static_cast<float>(static_cast<double>(value) / scale + shift); });
    bound_.buffer("latents").write(latents_.data(), INCACHE_F32, latents_.size());
    plan_->run(control);
    bound_.buffer("image").read(planes_.data(), INCACHE_F32, planes_.size());
  } else {
    std::copy(latents, latents + planes_.size(), planes_.begin());
    control.ended(1);
  }
  if (std::any_of(planes_.begin(), planes_.end(), [](float value) { return std::isnan(value); }))
    throw Error(INCACHE_NOT_FINITE, "a picture has values that are not numbers: they grew beyond what the device can hold");
  const int64_t pixels = size.height * size.width;
  for (int64_t channel = 0; channel < size.channels; channel++)
    for (int64_t i = 0; i < pixels; i++) {
      const double value = std::clamp(static_cast<double>(planes_[static_cast<size_t>(channel * pixels + i)]), -1.0, 1.0);
      picture[i * size.channels + channel] = static_cast<uint8_t>(std::floor((value + 1) * 127.5 + 0.5));
    }
}

}  // namespace incache
