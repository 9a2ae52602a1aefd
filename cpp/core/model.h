// A model file, as `incache export` writes it: a safetensors file whose metadata `incache` is JSON with the plans, the
// table of the sampler's steps and the geometry of a batch. docs/embedding.md has the format.
#pragma once
#include <optional>

#include "plan.h"
#include "safetensors.h"

namespace incache {

// One step of any sampler: x0 = x0.x x + x0.noise eps (held to +-clip where there is one), and the next x from x, x0, the x0 of the two steps before, eps and fresh noise
// (src/diffusion/sampler.ts).
struct SamplerStep {
  size_t plan;
  double timestep;
  double x0FromX, x0FromNoise;
  std::optional<double> clip;
  double fromX, fromX0, fromX0Before, fromX0Earlier, fromNoise;
  // log of the fresh noise's standard deviation, where the network's variance output is -1 and where it is 1.
  std::optional<std::pair<double, double>> logDeviation;
};

// All 0 where there is no picture.
struct PictureSize {
  int64_t channels, height, width;
  int64_t bytes() const { return channels * height * width; }
};

// What a program gives for a batch; plans read it from their inputs of this name.
struct ModelInput {
  std::string name;
  incache_type type;
  // Of one image's group.
  int64_t rows = 1, columns = 1;
  // Of integers.
  int64_t least = 0, most = 0;
  // Where the group for unconditional sequences comes from: the program, `unconditional` in all its elements, the file's tensor
  // `unconditionalTensor()`, or the conditional sequence of the same image.
  enum class Unconditional { given, number, tensor, conditional } from = Unconditional::given;
  double unconditional = 0;
  // Of every group, where they were decided at the export.
  std::vector<double> values;
  // Rows of the plans' buffers.
  int64_t bufferRows = 0;
  int64_t group() const { return rows * columns; }
  std::string unconditionalTensor() const { return "inputs." + name + ".unconditional"; }
};

// Of one image: z = latents / scalingFactor + shiftFactor goes in, the planes of a picture come out.
struct ModelDecoder {
  double scalingFactor, shiftFactor;
  PictureSize picture;
  Plan plan;
};

struct Model {
  // Throws an Error for a damaged file and for plans that do not fit what the file says of them.
  explicit Model(std::unique_ptr<Bytes> bytes);

  Safetensors file;
  std::string name;
  int64_t images, channels, height, width;
  bool learnSigma, guided;
  double guidanceScale;
  // What the normal noise that sampling starts from is multiplied by.
  double initialScale = 1;
  int64_t guidanceChannels, labelRows, chunkSteps;
  std::vector<SamplerStep> steps;
  std::vector<ModelInput> inputs;
  // `context` runs once a batch, before the first step.
  Plan conditioning;
  std::optional<Plan> context;
  std::vector<Plan> plans;
  std::optional<ModelDecoder> decoder;

  int64_t sequences() const { return guided ? 2 * images : images; }
  int64_t pixels() const { return height * width; }
  // Elements of one image's latents, and of what the network gives for one sequence.
  int64_t latents() const { return channels * pixels(); }
  int64_t prediction() const { return latents() * (learnSigma ? 2 : 1); }
  // Groups that a program must give of an input, and the most that it may: one an image, and one for unconditional sequences
  // after them.
  int64_t groups(const ModelInput &input) const { return images + (input.from == ModelInput::Unconditional::given ? mostGroups() - images : 0); }
  int64_t mostGroups() const { return images + (guided ? 1 : 0); }
  double macs() const;
  // The latents themselves are a picture where they have its channels and nothing decodes them.
  PictureSize picture() const;
  // Of the pictures of a batch.
  double pictureMacs() const { return decoder ? planMacs(decoder->plan) * static_cast<double>(images) : 0; }

 private:
  void check();
  void checkInputs();
  void checkTensors(const Plan &plan) const;
};

}  // namespace incache
