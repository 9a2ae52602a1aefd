#include "model.h"

#include <algorithm>
#include <cmath>

#include "error.h"
#include "json_fields.h"

namespace incache {
namespace {

constexpr int64_t kMostSteps = 1000;
constexpr int64_t kMostImages = 1 << 16;
constexpr int64_t kLargestSide = 1 << 14;
constexpr int64_t kMostSide = 1 << 24;
// Files of versions 1 and 2 have classes instead of inputs. Files of version 2 have a decoder; files of version 3 may have one.
constexpr int64_t kDecoderVersion = 2, kVersion = 3;
constexpr int64_t kMostInputs = 16;

[[noreturn]] void fail(const std::string &problem) { throw Error(INCACHE_BAD_PLAN, "not a model file: " + problem); }

SamplerStep parseStep(const Json &json, const std::string &what) {
  const Json &x0 = fields::any(json, "x0", what), &next = fields::any(json, "next", what);
  SamplerStep step;
  step.plan = static_cast<size_t>(fields::whole(json, "plan", what));
  step.timestep = fields::real(json, "timestep", what);
  step.x0FromX = fields::real(x0, "x", what + ".x0");
  step.x0FromNoise = fields::real(x0, "noise", what + ".x0");
  if (x0.find("clip")) {
    step.clip = fields::real(x0, "clip", what + ".x0");
    if (!(*step.clip >= 0)) fail(what + ".x0.clip is negative");
  }
  step.fromX = fields::real(next, "x", what + ".next");
  step.fromX0 = fields::real(next, "x0", what + ".next");
  step.fromX0Before = fields::real(next, "x0Before", what + ".next");
  step.fromX0Earlier = next.find("x0Earlier") ? fields::real(next, "x0Earlier", what + ".next") : 0;
  step.fromNoise = fields::real(next, "noise", what + ".next");
  if (json.find("logDeviation")) {
    const auto &ends = fields::list(json, "logDeviation", what);
    if (ends.size() != 2 || ends[0].kind != Json::Kind::number || ends[1].kind != Json::Kind::number)
      fail(what + ".logDeviation is not two numbers");
    step.logDeviation = {ends[0].number, ends[1].number};
  }
  return step;
}

int64_t within(const Json &json, const char *name, int64_t least, int64_t most, const char *what = "the model") {
  const int64_t value = fields::whole(json, name, what);
  if (value < least || value > most)
    fail(std::string(name) + " is " + std::to_string(value) + "; expected " + std::to_string(least) + " to " + std::to_string(most));
  return value;
}

// Requires a buffer that the sampler reads or writes to exist with this role, type and size.
void require(const Plan &plan, const char *name, incache_role role, incache_type type, int64_t rows, int64_t columns) {
  for (const PlanBuffer &buffer : plan.buffers) {
    if (buffer.name != name) continue;
    if (buffer.role == role && buffer.type == type && buffer.rows == rows && (columns == 0 || buffer.columns == columns)) return;
    fail("plan '" + plan.name + "': buffer '" + name + "' does not fit the model's geometry");
  }
  fail("plan '" + plan.name + "' has no buffer '" + name + "'");
}

bool isPicture(int64_t channels) { return channels == 1 || channels == 3; }

ModelInput parseInput(const Json &json, const std::string &what) {
  ModelInput input;
  input.name = fields::text(json, "name", what);
  const std::string &type = fields::text(json, "type", what);
  if (type != "i32" && type != "f32") fail(what + ".type is '" + type + "'; expected i32 or f32");
  input.type = type == "i32" ? INCACHE_I32 : INCACHE_F32;
  input.rows = within(json, "rows", 1, kMostSide, what.c_str());
  input.columns = within(json, "columns", 1, kMostSide, what.c_str());
  if (input.type == INCACHE_I32) {
    input.least = fields::whole(json, "least", what);
    input.most = within(json, "most", input.least, kMostSide, what.c_str());
  }
  const bool isWhole = input.type == INCACHE_I32;
  const auto isGood = [&](double value) {
    return !isWhole || (value == std::floor(value) && value >= static_cast<double>(input.least) && value <= static_cast<double>(input.most));
  };
  if (const Json *unconditional = json.find("unconditional"); unconditional && unconditional->kind == Json::Kind::string) {
    const std::string &from = unconditional->string;
    if (from != "conditional" && (from != "tensor" || isWhole)) fail(what + ".unconditional is '" + from + "'; expected a number, tensor or conditional");
    input.from = from == "tensor" ? ModelInput::Unconditional::tensor : ModelInput::Unconditional::conditional;
  } else if (unconditional) {
    input.from = ModelInput::Unconditional::number;
    input.unconditional = fields::real(json, "unconditional", what);
    if (!isGood(input.unconditional)) fail(what + ".unconditional is " + numberText(input.unconditional) + "; expected an integer of its range");
  }
  if (!json.find("values")) return input;
  for (const Json &value : fields::list(json, "values", what)) {
    if (value.kind != Json::Kind::number || !isGood(value.number)) fail(what + ".values has something else than values of the input");
    input.values.push_back(value.number);
  }
  if (static_cast<int64_t>(input.values.size()) != input.group()) fail(what + ".values has " + std::to_string(input.values.size()) + " of them; expected " + std::to_string(input.group()));
  return input;
}

ModelInput labelsBelow(int64_t classes) {
  ModelInput labels;
  labels.name = "labels";
  labels.type = INCACHE_I32;
  labels.most = classes;
  labels.from = ModelInput::Unconditional::number;
  labels.unconditional = static_cast<double>(classes);
  return labels;
}

ModelDecoder parseDecoder(const Json &json) {
  const char *what = "decoder";
  ModelDecoder decoder;
  decoder.scalingFactor = fields::real(json, "scalingFactor", what);
  decoder.shiftFactor = fields::real(json, "shiftFactor", what);
  if (!(decoder.scalingFactor > 0)) fail("decoder.scalingFactor is " + std::to_string(decoder.scalingFactor) + "; expected a positive number");
  PictureSize &picture = decoder.picture;
  picture.channels = within(json, "channels", 1, 3, what);
  if (!isPicture(picture.channels)) fail("decoder.channels is 2; expected 1 or 3");
  picture.height = within(json, "height", 1, kLargestSide, what);
  picture.width = within(json, "width", 1, kLargestSide, what);
  decoder.plan = planFrom(fields::any(json, "plan", what), "decoder.plan");
  return decoder;
}

}  // namespace

Model::Model(std::unique_ptr<Bytes> bytes) : file(std::move(bytes)) {
  const std::string &text = file.metadata("incache");
  const Json json = parseJson(text.data(), text.size());
  const std::string what = "the model";
  if (fields::text(json, "format", what) != "incache-model") fail("format is not 'incache-model'");
  const int64_t version = fields::whole(json, "version", what);
  if (version < 1 || version > kVersion)
    fail("it is of version " + std::to_string(version) + "; this library reads versions 1 to " + std::to_string(kVersion) + ": export it anew");
  name = fields::text(json, "name", what);
  images = within(json, "images", 1, kMostImages);
  channels = within(json, "channels", 1, 1024);
  height = within(json, "height", 1, kLargestSide);
  width = within(json, "width", 1, kLargestSide);
  if (version < kVersion)
    inputs.push_back(labelsBelow(within(json, "classes", 1, kMostSide)));
  else
    for (const Json &input : fields::list(json, "inputs", what)) inputs.push_back(parseInput(input, "inputs[" + std::to_string(inputs.size()) + "]"));
  learnSigma = fields::boolean(json, "learnSigma", what);
  guided = fields::boolean(json, "guided", what);
  guidanceScale = fields::real(json, "guidanceScale", what);
  if (json.find("initialScale")) initialScale = fields::real(json, "initialScale", what);
  guidanceChannels = within(json, "guidanceChannels", 0, channels);
  labelRows = within(json, "labelRows", 1, kMostImages + 1);
  chunkSteps = within(json, "chunkSteps", 1, kMostSteps);
  for (const Json &step : fields::list(json, "steps", what))
    steps.push_back(parseStep(step, "steps[" + std::to_string(steps.size()) + "]"));
  if (version == kVersion && json.find("context")) context = planFrom(fields::any(json, "context", what), "context");
  conditioning = planFrom(fields::any(json, "conditioning", what), "conditioning");
  for (const Json &plan : fields::list(json, "plans", what)) plans.push_back(planFrom(plan, "plans[" + std::to_string(plans.size()) + "]"));
  if (version == kDecoderVersion || (version > kDecoderVersion && json.find("decoder"))) decoder = parseDecoder(fields::any(json, "decoder", what));
  check();
}

void Model::check() {
  if (steps.empty() || static_cast<int64_t>(steps.size()) > kMostSteps) fail("it has " + std::to_string(steps.size()) + " steps; expected 1 to 1000");
  if (labelRows != 1 && labelRows != mostGroups())
    fail("labelRows is " + std::to_string(labelRows) + "; expected one row, or a row an image and one more when guided");
  for (const SamplerStep &step : steps) {
    if (step.plan >= plans.size()) fail("a step runs plan " + std::to_string(step.plan) + ", of " + std::to_string(plans.size()));
    const bool learned = step.logDeviation && step.logDeviation->first != step.logDeviation->second;
    if (learned && !learnSigma) fail("a step needs the variance that the model does not predict");
  }
  require(conditioning, "timesteps", INCACHE_INPUT, INCACHE_F32, chunkSteps * labelRows, 1);
  for (const Plan &plan : plans) {
    require(plan, "latents", INCACHE_INPUT, INCACHE_F32, sequences(), latents());
    require(plan, "rows", INCACHE_INPUT, INCACHE_I32, sequences(), 1);
    require(plan, "prediction", INCACHE_OUTPUT, INCACHE_F32, sequences(), prediction());
  }
  checkInputs();
  if (context) checkTensors(*context);
  checkTensors(conditioning);
  for (const Plan &plan : plans) checkTensors(plan);
  if (!decoder) return;
  require(decoder->plan, "latents", INCACHE_INPUT, INCACHE_F32, 1, latents());
  require(decoder->plan, "image", INCACHE_OUTPUT, INCACHE_F32, 1, decoder->picture.bytes());
  checkTensors(decoder->plan);
}

// Checks that sampling fills every input of the plans: with a group for each row of a step's table, for each row of the tables of
// all steps, or for each sequence.
void Model::checkInputs() {
  if (static_cast<int64_t>(inputs.size()) > kMostInputs) fail("it has " + std::to_string(inputs.size()) + " inputs; expected at most 16");
  const auto own = [&](const Plan &plan, const std::string &name) {
    if (&plan == &conditioning) return name == "timesteps";
    return !(context && &plan == &*context) && (name == "latents" || name == "rows");
  };
  const auto fill = [&](const Plan &plan, const PlanBuffer &buffer) {
    const auto input = std::find_if(inputs.begin(), inputs.end(), [&](const ModelInput &each) { return each.name == buffer.name; });
    if (input == inputs.end()) fail("plan '" + plan.name + "': nothing is given to its input '" + buffer.name + "'");
    const int64_t groups = buffer.rows / input->rows;
    const bool fits = buffer.rows == groups * input->rows && (groups == labelRows || groups == chunkSteps * labelRows || groups == sequences());
    const bool isSame = input->bufferRows == 0 || input->bufferRows == buffer.rows;
    if (!fits || !isSame || buffer.columns != input->columns || buffer.type != input->type)
      fail("plan '" + plan.name + "': buffer '" + buffer.name + "' does not fit the input of this name");
    const bool isOfSequences = groups == sequences();
    if (!isOfSequences && labelRows == 1 && sequences() > 1 && input->values.empty())
      fail("plan '" + plan.name + "': all sequences share a row of the table; expected the values of its input '" + buffer.name + "' in the file");
    if (!isOfSequences && input->from == ModelInput::Unconditional::conditional)
      fail("plan '" + plan.name + "': unconditional values of '" + buffer.name + "' cannot be those of the images; expected an input of sequences");
    input->bufferRows = buffer.rows;
  };
  const auto fillAll = [&](const Plan &plan) {
    for (const PlanBuffer &buffer : plan.buffers)
      if (buffer.role == INCACHE_INPUT && !own(plan, buffer.name)) fill(plan, buffer);
  };
  fillAll(conditioning);
  if (context) fillAll(*context);
  for (const Plan &plan : plans) fillAll(plan);
  for (const ModelInput &input : inputs)
    if (input.bufferRows == 0) fail("no plan reads the input '" + input.name + "'");
  for (const ModelInput &input : inputs)
    if (input.from == ModelInput::Unconditional::tensor) {
      const StoredTensor &tensor = file.tensor(input.unconditionalTensor());
      if (tensor.type != INCACHE_F32 || tensor.elements != static_cast<uint64_t>(input.group()))
        fail("tensor '" + input.unconditionalTensor() + "' is not one of F32 and " + std::to_string(input.group()) + " elements");
    }
}

void Model::checkTensors(const Plan &plan) const {
  for (const PlanBuffer &buffer : plan.buffers)
    if (buffer.role == INCACHE_WEIGHT && file.tensor(buffer.name).elements != static_cast<uint64_t>(buffer.rows * buffer.columns))
      fail("tensor '" + buffer.name + "' has not the size that plan '" + plan.name + "' expects");
}

PictureSize Model::picture() const {
  if (decoder) return decoder->picture;
  return isPicture(channels) ? PictureSize{channels, height, width} : PictureSize{};
}

double Model::macs() const {
  const int64_t chunks = (static_cast<int64_t>(steps.size()) + chunkSteps - 1) / chunkSteps;
  double macs = planMacs(conditioning) * static_cast<double>(chunks) + (context ? planMacs(*context) : 0);
  for (const SamplerStep &step : steps) macs += planMacs(plans[step.plan]);
  return macs;
}

}  // namespace incache
