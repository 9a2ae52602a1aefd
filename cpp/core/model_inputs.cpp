#include "model_inputs.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "given.h"

namespace incache {
namespace {

template <class T>
uint32_t wordOf(T value) {
  uint32_t word;
  static_assert(sizeof word == sizeof value, "elements of 32 bits");
  std::memcpy(&word, &value, sizeof word);
  return word;
}

// Throws an Error that names the first value for which `good` is false.
template <class T, class Good>
void requireValues(const std::string &name, const T *values, uint64_t count, const std::string &expected, Good isGood) {
  const T *const bad = std::find_if_not(values, values + count, isGood);
  if (bad != values + count)
    throw Error(INCACHE_BAD_VALUE, name + "[" + std::to_string(bad - values) + "] is " + numberText(static_cast<double>(*bad)) + "; expected " + expected);
}

std::vector<uint32_t> take(const Model &model, const ModelInput &input, const incache_input &given) {
  const uint64_t groups = static_cast<uint64_t>(model.groups(input)), most = static_cast<uint64_t>(model.mostGroups());
  const uint64_t group = static_cast<uint64_t>(input.group());
  requireGiven(input.name + ".data", given.data);
  if (given.type != input.type)
    throw Error(INCACHE_BAD_ARGUMENT, input.name + ".type is " + std::to_string(given.type) + "; expected " +
                                          (input.type == INCACHE_I32 ? "INCACHE_I32" : "INCACHE_F32"));
  if (given.elements != groups * group && given.elements != most * group)
    throw Error(INCACHE_BAD_ARGUMENT, input.name + ".elements is " + std::to_string(given.elements) + "; expected " + std::to_string(groups * group) +
                                          ", " + std::to_string(groups) + " x " + std::to_string(input.rows) + " x " + std::to_string(input.columns) +
                                          (most > groups ? ", or with unconditional values " + std::to_string(most * group) : ""));
  if (input.type == INCACHE_I32)
    requireValues(input.name, static_cast<const int32_t *>(given.data), given.elements,
                  std::to_string(input.least) + " to " + std::to_string(input.most),
                  [&](int32_t value) { return value >= input.least && value <= input.most; });
  else
    requireValues(input.name, static_cast<const float *>(given.data), given.elements, "finite numbers", [](float value) { return std::isfinite(value); });
  std::vector<uint32_t> values(given.elements);
  std::memcpy(values.data(), given.data, values.size() * sizeof values[0]);
  return values;
}

uint32_t wordOf(const ModelInput &input, double value) {
  return input.type == INCACHE_I32 ? wordOf(static_cast<int32_t>(value)) : wordOf(static_cast<float>(value));
}

// Appends the file's group for unconditional sequences, if the program gives none and they do not use the images' groups.
void addUnconditional(const Model &model, const ModelInput &input, std::vector<uint32_t> &values) {
  const size_t group = static_cast<size_t>(input.group());
  if (values.size() == group * static_cast<size_t>(model.mostGroups())) return;
  if (input.from == ModelInput::Unconditional::number) values.resize(values.size() + group, wordOf(input, input.unconditional));
  if (input.from != ModelInput::Unconditional::tensor) return;
  const std::vector<char> bytes = model.file.read(model.file.tensor(input.unconditionalTensor()));
  values.resize(values.size() + group);
  std::memcpy(values.data() + values.size() - group, bytes.data(), bytes.size());
}

std::vector<uint32_t> ownValues(const Model &model, const ModelInput &input) {
  std::vector<uint32_t> values;
  for (int64_t i = 0; i < model.mostGroups(); i++)
    for (const double value : input.values) values.push_back(wordOf(input, value));
  return values;
}

// The inputs of unconditional sequences belong together, such as a text and its length: a program gives all of them or none.
void requireAlike(const Model &model, const InputValues &values) {
  const ModelInput *first = nullptr;
  bool isFirstGiven = false;
  for (size_t i = 0; i < values.size(); i++) {
    const ModelInput &input = model.inputs[i];
    if (values[i].empty() || input.from == ModelInput::Unconditional::given) continue;
    const bool isGiven = values[i].size() == static_cast<size_t>(model.mostGroups() * input.group());
    if (first && isGiven != isFirstGiven)
      throw Error(INCACHE_BAD_ARGUMENT, "unconditional values are given of '" + (isGiven ? input : *first).name + "' but not of '" +
                                            (isGiven ? *first : input).name + "'; expected those of both or of neither");
    first = &input;
    isFirstGiven = isGiven;
  }
}

std::string namesOf(const Model &model) {
  std::string names;
  for (const ModelInput &input : model.inputs) names += (names.empty() ? "" : ", ") + input.name;
  return names.empty() ? "none" : names;
}

}  // namespace

InputValues takeInputs(const Model &model, const std::vector<incache_input> &given) {
  InputValues values(model.inputs.size());
  for (const incache_input &each : given) {
    requireGiven("the name of an input", each.name);
    const auto input = std::find_if(model.inputs.begin(), model.inputs.end(), [&](const ModelInput &known) { return known.name == each.name; });
    if (input == model.inputs.end())
      throw Error(INCACHE_BAD_ARGUMENT, std::string("the model has no input '") + each.name + "'; it has " + namesOf(model));
    std::vector<uint32_t> &place = values[static_cast<size_t>(input - model.inputs.begin())];
    if (!place.empty()) throw Error(INCACHE_BAD_ARGUMENT, std::string("the input '") + each.name + "' is given twice");
    place = take(model, *input, each);
  }
  if (model.guided) requireAlike(model, values);
  for (size_t i = 0; i < values.size(); i++) {
    const ModelInput &input = model.inputs[i];
    if (values[i].empty() && input.values.empty()) throw Error(INCACHE_BAD_ARGUMENT, "the input '" + input.name + "' is missing");
    if (values[i].empty()) values[i] = ownValues(model, input);
    if (model.guided) addUnconditional(model, input, values[i]);
  }
  return values;
}

void writeInput(const Model &model, const ModelInput &input, const std::vector<uint32_t> &values, Buffer &buffer) {
  const int64_t group = input.group(), groups = buffer.rows / input.rows;
  // The unconditional group is repeated for every image in the sequences, and appears once per step in the table of modulations.
  const int64_t period = groups == model.sequences() ? groups : model.labelRows;
  std::vector<uint32_t> all;
  all.reserve(static_cast<size_t>(groups * group));
  // Unconditional sequences without a group of their own use those of the images.
  const bool isOwn = static_cast<int64_t>(values.size()) > model.images * group;
  for (int64_t place = 0; place < groups; place++) {
    const int64_t row = place % period;
    const auto from = values.begin() + (isOwn ? std::min(row, model.images) : row % model.images) * group;
    all.insert(all.end(), from, from + group);
  }
  buffer.write(all.data(), input.type, all.size());
}

}  // namespace incache
