// A model file, as `incache export` writes it: a safetensors file whose metadata `incache` is JSON with the plans, the
// table of the sampler's steps and the geometry of a batch. docs/embedding.md has the format.
#pragma once
#include <optional>

#include "plan.h"
#include "safetensors.h"

namespace incache {

// One step of any sampler (src/diffusion/sampler.ts): x0 = x0.x x + x0.noise eps, clamped to [-clip, clip] where `clip` is given. The
// next x is a combination of x, x0, the x0 of the two steps before, eps and fresh noise.
struct SamplerStep {
  size_t plan;
  double timestep;
  double x0FromX, x0FromNoise;
  std::optional<double> clip;
  double fromX, fromX0, fromX0Before, fromX0Earlier, fromNoise;
  // log of the fresh noise's standard deviation, where the network's variance output is -1 and where it is 1.
  std::optional<std::pair<double, double>> logDeviation;
};

// The size of a picture; all 0 if there is none.
struct PictureSize {
  int64_t channels, height, width;
  int64_t bytes() const { return channels * height * width; }
};

// A value that a program gives for a batch. Plans read it from their input of this name.
struct ModelInput {
  std::string name;
  incache_type type;
  // The size of one image's group.
  int64_t rows = 1, columns = 1;
  // The range of integers.
  int64_t least = 0, most = 0;
  // Where the group for unconditional sequences comes from: the program, the number `unconditional` for every element, the file's
  // tensor `unconditionalTensor()`, or the conditional sequence of the same image.
  enum class Unconditional { given, number, tensor, conditional } from = Unconditional::given;
  double unconditional = 0;
  // The values of every group, if the export fixed them.
  std::vector<double> values;
  // Rows of the plans' buffers.
  int64_t bufferRows = 0;
  int64_t group() const { return rows * columns; }
  std::string unconditionalTensor() const { return "inputs." + name + ".unconditional"; }
};

// Decodes one image: takes z = latents / scalingFactor + shiftFactor and gives the planes of a picture.
struct ModelDecoder {
  double scalingFactor, shiftFactor;
  PictureSize picture;
  Plan plan;
};

struct Model {
  // Throws an Error for a damaged file, and for plans that do not match the file's description.
  explicit Model(std::unique_ptr<Bytes> bytes);

  Safetensors file;
  std::string name;
  int64_t images, channels, height, width;
  bool learnSigma, guided;
  double guidanceScale;
  // The factor of the normal noise that sampling starts from.
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
  // Elements of one image's latents, and of the network's prediction for one sequence.
  int64_t latents() const { return channels * pixels(); }
  int64_t prediction() const { return latents() * (learnSigma ? 2 : 1); }
  // How many groups of an input a program must give, and how many it may give: one per image, then one for unconditional
  // sequences.
  int64_t groups(const ModelInput &input) const { return images + (input.from == ModelInput::Unconditional::given ? mostGroups() - images : 0); }
  int64_t mostGroups() const { return images + (guided ? 1 : 0); }
  double macs() const;
  // Without a decoder, latents of 1 or 3 channels are themselves the picture.
  PictureSize picture() const;
  // Multiply-adds that the pictures of a batch take.
  double pictureMacs() const { return decoder ? planMacs(decoder->plan) * static_cast<double>(images) : 0; }

 private:
  void check();
  void checkInputs();
  void checkTensors(const Plan &plan) const;
};

}  // namespace incache
