/*
 * Fuzz target: bytes that may be a model file. One that opens and is small is sampled for a step. A file may ask for
 * large buffers, which must be refused with a status: run it with a limit on single allocations, see CONTRIBUTING.md.
 */
#include <stdlib.h>

#include "target.h"

/* Beyond them a step takes more time than it is worth; the limits are not those of the library. */
static const uint64_t MOST_LATENTS = 1 << 16;
static const double MOST_MACS = 1e8;

enum { MOST_IMAGES = 64 };

static void sample(const incache_model *model, uint64_t latents) {
  const uint32_t labels[MOST_IMAGES] = {0};
  const incache_sample_options options = {labels, 1, 0};
  incache_sampler *sampler = NULL;
  if (incache_sampler_create(device(), model, &options, &sampler) != INCACHE_OK) return;
  float *values = malloc(latents * sizeof *values);
  incache_sampler_step(sampler, NULL);
  if (incache_sampler_latents(sampler, values, latents) != INCACHE_OK) abort();
  free(values);
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
  if (info.images <= MOST_IMAGES && latents <= MOST_LATENTS && info.macs <= MOST_MACS) sample(model, latents);
  incache_model_destroy(model);
  return 0;
}
