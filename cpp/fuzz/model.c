/*
 * Fuzz target: bytes that may be a model file. One that opens and is small is sampled for a step and decoded. A file may ask for
 * large buffers, which must be refused with a status: run it with a limit on single allocations, see CONTRIBUTING.md.
 */
#include <stdlib.h>

#include "target.h"

/* Beyond them a step takes more time than it is worth; the limits are not those of the library. */
static const uint64_t MOST_VALUES = 1 << 16;
static const double MOST_MACS = 1e8;

enum { MOST_IMAGES = 64 };

static void sample(const incache_model *model, uint64_t latents, uint64_t bytes) {
  const uint32_t labels[MOST_IMAGES] = {0};
  const incache_sample_options options = {labels, 1, 0};
  incache_sampler *sampler = NULL;
  if (incache_sampler_create(device(), model, &options, &sampler) != INCACHE_OK) return;
  float *values = malloc(latents * sizeof *values);
  incache_sampler_step(sampler, NULL);
  if (incache_sampler_latents(sampler, values, latents) != INCACHE_OK) abort();
  free(values);
  uint8_t *pictures = malloc(bytes + (bytes == 0));
  if (incache_sampler_images(sampler, pictures, bytes) == INCACHE_OK && bytes == 0) abort();
  free(pictures);
  incache_sampler_destroy(sampler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  incache_model *model = NULL;
  incache_model_info info;
  if (size == 0) return 0;
  if (incache_model_parse(data, size, &model) != INCACHE_OK) {
    if (model || !*incache_last_error()) abort();
    return 0;
  }
  if (incache_model_describe(model, &info) != INCACHE_OK) abort();
  const uint64_t latents = (uint64_t)info.images * info.channels * info.height * info.width;
  const uint64_t bytes = (uint64_t)info.images * info.picture_channels * info.picture_height * info.picture_width;
  const int is_small = latents <= MOST_VALUES && bytes <= MOST_VALUES && info.macs <= MOST_MACS && info.picture_macs <= MOST_MACS;
  if (info.images <= MOST_IMAGES && is_small) sample(model, latents, bytes);
  incache_model_destroy(model);
  return 0;
}
