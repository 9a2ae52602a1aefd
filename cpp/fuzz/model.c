/*
 * Fuzz target: bytes that may be a model file. One that opens and is small is sampled for a step and decoded. A file may ask for
 * large buffers, which must be refused with a status: run it with a limit on single allocations, see CONTRIBUTING.md.
 */
#include <stdlib.h>

#include "target.h"

/* Beyond them a step takes more time than it is worth; the limits are not those of the library. */
static const uint64_t MOST_VALUES = 1 << 16;
static const double MOST_MACS = 1e8;

enum { MOST_INPUTS = 16 };

/* The least value of an input, as often as it is asked for; null where that is too often. */
static int32_t *values_of(const incache_input_info *info, uint64_t *elements) {
  *elements = (uint64_t)info->groups * info->rows;
  if (*elements > MOST_VALUES || (*elements *= info->columns) > MOST_VALUES) return NULL;
  int32_t *values = malloc(*elements * sizeof *values);
  for (uint64_t i = 0; i < *elements; i++) values[i] = info->least;
  return values;
}

static incache_sampler *create(const incache_model *model) {
  const uint64_t count = incache_model_inputs(model);
  incache_input inputs[MOST_INPUTS];
  int are_all = 1;
  if (count > MOST_INPUTS) abort();
  for (uint64_t i = 0; i < count; i++) {
    incache_input_info info = {.size = sizeof info};
    if (incache_model_input(model, i, &info) != INCACHE_OK) abort();
    inputs[i] = (incache_input){sizeof *inputs, info.name, info.type, NULL, 0};
    inputs[i].data = values_of(&info, &inputs[i].elements);
    are_all = are_all && inputs[i].data;
  }
  const incache_sample_options options = {sizeof options, inputs, count, 1, 0};
  incache_sampler *sampler = NULL;
  if (are_all) incache_sampler_create(device(), model, &options, &sampler);
  for (uint64_t i = 0; i < count; i++) free((void *)inputs[i].data);
  return sampler;
}

static void sample(const incache_model *model, uint64_t latents, uint64_t bytes) {
  incache_sampler *sampler = create(model);
  if (!sampler) return;
  float *values = malloc(latents * sizeof *values);
  incache_sampler_step(sampler, NULL, NULL);
  if (incache_sampler_latents(sampler, values, latents) != INCACHE_OK) abort();
  free(values);
  uint8_t *pictures = malloc(bytes + (bytes == 0));
  if (incache_sampler_images(sampler, NULL, pictures, bytes) == INCACHE_OK && bytes == 0) abort();
  free(pictures);
  incache_sampler_destroy(sampler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  incache_model *model = NULL;
  incache_model_info info = {.size = sizeof info};
  if (size == 0) return 0;
  if (incache_model_parse(data, size, &model) != INCACHE_OK) {
    if (model || !*incache_last_error()) abort();
    return 0;
  }
  if (incache_model_describe(model, &info) != INCACHE_OK) abort();
  const uint64_t latents = (uint64_t)info.images * info.channels * info.height * info.width;
  const uint64_t bytes = (uint64_t)info.images * info.picture_channels * info.picture_height * info.picture_width;
  const int is_small = latents <= MOST_VALUES && bytes <= MOST_VALUES && info.macs <= MOST_MACS && info.picture_macs <= MOST_MACS;
  if (is_small) sample(model, latents, bytes);
  incache_model_destroy(model);
  return 0;
}
