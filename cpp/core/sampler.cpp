#include "sampler.h"

#include <algorithm>
#include <cmath>

#include "error.h"
#include "philox.h"

namespace incache {
namespace {

// The Philox stream of the initial noise; step i uses stream 1 + i.
constexpr uint32_t kInitialNoise = 0;

}  // namespace

Sampler::Sampler(std::shared_ptr<Device> device, std::shared_ptr<const Model> model, SampleSettings settings)
    : device_(device), model_(std::move(model)), bound_(std::move(device)) {
  requireSettings(settings);
  conditioning_ = bound_.prepare(model_->conditioning, model_->file);
  if (model_->context) context_ = bound_.prepare(*model_->context, model_->file);
  for (const Plan &plan : model_->plans) plans_.push_back(bound_.prepare(plan, model_->file));
  restart(std::move(settings));
}

void Sampler::requireSettings(const SampleSettings &settings) const {
  if (settings.seed >= uint64_t{1} << 53)
    throw Error(INCACHE_BAD_ARGUMENT, "seed is " + std::to_string(settings.seed) + "; expected one below 2^53");
  // An image number beyond 2^32 would wrap around to the noise of the first images.
  const uint64_t lastFirst = (uint64_t{1} << 32) - static_cast<uint64_t>(model_->images);
  if (settings.firstImage > lastFirst)
    throw Error(INCACHE_BAD_ARGUMENT, "first_image is " + std::to_string(settings.firstImage) + "; expected at most " + std::to_string(lastFirst) +
                                          " for a batch of " + std::to_string(model_->images));
}

void Sampler::restart(SampleSettings settings) {
  requireSettings(settings);
  settings_ = std::move(settings);
  next_ = 0;
  for (size_t i = 0; i < model_->inputs.size(); i++)
    writeInput(*model_, model_->inputs[i], settings_.inputs[i], bound_.buffer(model_->inputs[i].name.c_str()));
  broken_ = false;
  const int64_t size = model_->latents();
  latents_.resize(static_cast<size_t>(model_->images * size));
  prediction_.resize(static_cast<size_t>(model_->sequences() * model_->prediction()));
  x0Before_.assign(latents_.size(), 0);
  x0Earlier_.assign(latents_.size(), 0);
  for (int64_t image = 0; image < model_->images; image++)
    normals(settings_.seed, kInitialNoise, placeOf(image), size, latents_.data() + image * size);
  for (float &value : latents_) value = static_cast<float>(model_->initialScale * static_cast<double>(value));
}

size_t Sampler::step(RunControl &control) {
  if (next_ >= model_->steps.size())
    throw Error(INCACHE_BAD_ARGUMENT, "all " + std::to_string(model_->steps.size()) + " steps have been taken; expected a restart");
  if (broken_) throw Error(INCACHE_BAD_ARGUMENT, "step " + std::to_string(next_) + " has failed; expected a restart");
  broken_ = true;
  const bool begins = next_ % static_cast<size_t>(model_->chunkSteps) == 0, isFirst = next_ == 0 && context_;
  control.expect((isFirst ? context_->operations() : 0) + (begins ? conditioning_->operations() : 0) +
                 plans_[model_->steps[next_].plan]->operations());
  if (isFirst) context_->run(control);
  if (begins) condition(next_, control);
  evaluate(next_, control);
  if (model_->guided) guide();
  advance(next_);
  requireFinite(next_);
  broken_ = false;
  return model_->steps.size() - ++next_;
}

// Fills the modulation table for as many steps as it holds; its last rows repeat the last step.
void Sampler::condition(size_t firstStep, RunControl &control) {
  std::vector<float> timesteps;
  for (int64_t place = 0; place < model_->chunkSteps; place++) {
    const size_t step = std::min(firstStep + static_cast<size_t>(place), model_->steps.size() - 1);
    timesteps.insert(timesteps.end(), static_cast<size_t>(model_->labelRows), static_cast<float>(model_->steps[step].timestep));
  }
  bound_.buffer("timesteps").write(timesteps.data(), INCACHE_F32, timesteps.size());
  conditioning_->run(control);
}

// Runs the network on the conditional rows, then, with guidance, on the unconditional ones.
void Sampler::evaluate(size_t step, RunControl &control) {
  const int64_t place = static_cast<int64_t>(step) % model_->chunkSteps;
  std::vector<int32_t> rows;
  std::vector<float> both = latents_;
  for (int64_t i = 0; i < model_->sequences(); i++)
    rows.push_back(static_cast<int32_t>(place * model_->labelRows + std::min({i, model_->images, model_->labelRows - 1})));
  if (model_->guided) both.insert(both.end(), latents_.begin(), latents_.end());
  bound_.buffer("latents").write(both.data(), INCACHE_F32, both.size());
  bound_.buffer("rows").write(rows.data(), INCACHE_I32, rows.size());
  plans_[model_->steps[step].plan]->run(control);
  bound_.buffer("prediction").read(prediction_.data(), INCACHE_F32, prediction_.size());
}

// uncond + s (cond - uncond) on the guided channels, into the conditional rows.
void Sampler::guide() {
  const int64_t sequence = model_->prediction(), guided = model_->guidanceChannels * model_->pixels();
  float *unconditional = prediction_.data() + model_->images * sequence;
  for (int64_t image = 0; image < model_->images; image++)
    for (int64_t i = image * sequence; i < image * sequence + guided; i++) {
      const double u = static_cast<double>(unconditional[i]);
      prediction_[static_cast<size_t>(i)] = static_cast<float>(u + model_->guidanceScale * (static_cast<double>(prediction_[static_cast<size_t>(i)]) - u));
    }
}

void Sampler::advance(size_t place) {
  const SamplerStep &step = model_->steps[place];
  const int64_t size = model_->latents();
  std::vector<float> fresh(step.logDeviation ? static_cast<size_t>(size) : 0);
  for (int64_t image = 0; image < model_->images; image++) {
    float *x = latents_.data() + image * size;
    double *before = x0Before_.data() + image * size, *earlier = x0Earlier_.data() + image * size;
    const float *noise = prediction_.data() + image * model_->prediction(), *variance = noise + size;
    if (step.logDeviation)
      normals(settings_.seed, 1 + static_cast<uint32_t>(place), placeOf(image), size, fresh.data());
    for (int64_t i = 0; i < size; i++) {
      const double now = static_cast<double>(x[i]), epsilon = static_cast<double>(noise[i]);
      const double clean = step.x0FromX * now + step.x0FromNoise * epsilon;
      const double x0 = step.clip ? std::clamp(clean, -*step.clip, *step.clip) : clean;
      const double history = step.fromX0Before * before[i] + step.fromX0Earlier * earlier[i];
      double next = step.fromX * now + step.fromX0 * x0 + history + step.fromNoise * epsilon;
      if (step.logDeviation) {
        const auto [small, large] = *step.logDeviation;
        const double share = small == large ? 1 : (static_cast<double>(variance[i]) + 1) / 2;
        next += std::exp(share * large + (1 - share) * small) * static_cast<double>(fresh[static_cast<size_t>(i)]);
      }
      x[i] = static_cast<float>(next);
      earlier[i] = before[i];
      before[i] = x0;
    }
  }
}

std::vector<uint8_t> Sampler::pictures(RunControl &control) {
  const int64_t bytes = model_->picture().bytes();
  if (bytes == 0)
    throw Error(INCACHE_BAD_ARGUMENT, "the model file has no decoder and latents of " + std::to_string(model_->channels) +
                                          " channels; expected one that was exported with its autoencoder");
  std::vector<uint8_t> pictures(static_cast<size_t>(model_->images * bytes));
  if (!decoder_) decoder_ = std::make_unique<Decoder>(device_, model_);
  control.expect(static_cast<uint64_t>(model_->images) * decoder_->operations());
  for (int64_t image = 0; image < model_->images; image++)
    decoder_->decode(latents_.data() + image * model_->latents(), pictures.data() + image * bytes, control);
  return pictures;
}

void Sampler::requireFinite(size_t step) const {
  const auto bad = std::find_if(latents_.begin(), latents_.end(), [](float value) { return !std::isfinite(value); });
  if (bad == latents_.end()) return;
  const uint32_t image = placeOf((bad - latents_.begin()) / model_->latents());
  throw Error(INCACHE_NOT_FINITE, "values stopped being finite at step " + std::to_string(step) + " of " + std::to_string(model_->steps.size()) +
                                      ", image " + std::to_string(image) + ": they grew beyond what the device can hold");
}

}  // namespace incache
