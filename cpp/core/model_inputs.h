// The inputs that a program gives a model for a batch, besides the seed: labels, or the embeddings of a text.
#pragma once
#include "device.h"
#include "model.h"

namespace incache {

// The groups of every input, in the order of the model's inputs, as 32-bit elements. The unconditional group is included if
// unconditional sequences do not use the images' groups.
using InputValues = std::vector<std::vector<uint32_t>>;

// Throws an Error that names the input.
InputValues takeInputs(const Model &model, const std::vector<incache_input> &given);

// Fills the buffer that plans read this input from.
void writeInput(const Model &model, const ModelInput &input, const std::vector<uint32_t> &values, Buffer &buffer);

}  // namespace incache
