/*
 * Samples a model file and prints the latents, so that another program can compare them:
 *     draw MODEL SEED FIRST_IMAGE LABEL...
 * A number a line, in hexadecimal, which loses no bit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "expect.h"

int main(int count, char **arguments) {
  incache_model *model = NULL;
  incache_model_info info = {.size = sizeof info};
  incache_sampler *sampler = NULL;
  if (count < 5) return EXIT_FAILURE;
  incache_device *device = open_device(2, INCACHE_F32);
  expect_ok(incache_model_open(arguments[1], &model), arguments[1]);
  expect_ok(incache_model_describe(model, &info), "describe");
  expect((uint32_t)count - 4 == info.images, "a label for every image");
  if (outcome() != EXIT_SUCCESS) return EXIT_FAILURE;
  int32_t *labels = allocate(info.images * sizeof *labels);
  for (uint32_t i = 0; i < info.images; i++) labels[i] = (int32_t)strtoul(arguments[4 + i], NULL, 10);
  const incache_input input = {sizeof input, "labels", INCACHE_I32, labels, info.images};
  const incache_sample_options options = {sizeof options, &input, 1, strtoull(arguments[2], NULL, 10), strtoull(arguments[3], NULL, 10)};
  expect_ok(incache_sampler_create(device, model, &options, &sampler), "create");
  for (uint32_t step = 0; step < info.steps; step++) expect_ok(incache_sampler_step(sampler, NULL, NULL), "step");
  const uint64_t elements = (uint64_t)info.images * info.channels * info.height * info.width;
  float *latents = allocate(elements * sizeof *latents);
  expect_ok(incache_sampler_latents(sampler, latents, elements), "latents");
  for (uint64_t i = 0; i < elements; i++) printf("%a\n", (double)latents[i]);
  incache_sampler_destroy(sampler);
  incache_model_destroy(model);
  incache_device_close(device);
  free(labels);
  free(latents);
  return outcome();
}
