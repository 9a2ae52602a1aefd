/*
 * Samples a model file and writes each image as a PPM (of grey ones as a PGM), and the latents of all as raw float32.
 *
 *     embed <model file> <folder> [seed]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <incache.h>

static void fail(const char *what, const char *reason) {
  fprintf(stderr, "%s: %s\n", what, reason);
  exit(EXIT_FAILURE);
}

/* Every call that can fail returns a status; the reason is kept for the thread that called. */
static void require(incache_status status, const char *what) {
  if (status != INCACHE_OK) fail(what, incache_last_error());
}

static void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (!memory) fail("memory", "there is none left");
  return memory;
}

static void write_file(const char *folder, const char *name, const char *header, const void *data, size_t bytes) {
  char path[4096];
  if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) fail(folder, "the path is too long");
  FILE *file = fopen(path, "wb");
  if (!file) fail(path, strerror(errno));
  const int written = fputs(header, file) >= 0 && fwrite(data, 1, bytes, file) == bytes;
  if (fclose(file) != 0 || !written) fail(path, strerror(errno));
}

static void write_image(const char *folder, uint32_t place, const uint8_t *bytes, const incache_model_info *info) {
  const int is_grey = info->picture_channels == 1;
  char name[32], header[64];
  snprintf(name, sizeof name, "%04u.%s", place, is_grey ? "pgm" : "ppm");
  snprintf(header, sizeof header, "P%d\n%u %u\n255\n", is_grey ? 5 : 6, info->picture_width, info->picture_height);
  write_file(folder, name, header, bytes, (size_t)info->picture_height * info->picture_width * info->picture_channels);
}

static uint64_t parse_seed(const char *text) {
  char *end;
  errno = 0;
  const unsigned long long seed = strtoull(text, &end, 10);
  if (errno || end == text || *end || *text == '-') fail(text, "expected a whole number as the seed");
  return seed;
}

/* How far the step under way is, in percent. */
static int tell(void *remaining, uint64_t done, uint64_t total) {
  fprintf(stderr, "\r%u steps left, this one %3u %%", *(uint32_t *)remaining, (unsigned)(100 * done / total));
  return 0;
}

/* A batch, one class after the other: its latents and its pictures. */
static void sample(const incache_model *model, const incache_model_info *info, const incache_input_info *labels, uint64_t seed, float *latents, size_t elements,
                   uint8_t *pictures, size_t bytes) {
  incache_device *device = NULL;
  incache_sampler *sampler = NULL;
  uint32_t remaining = info->steps;
  int32_t *values = allocate(info->images * sizeof *values);
  for (uint32_t i = 0; i < info->images; i++) values[i] = (int32_t)i % labels->most;
  const incache_input input = {.size = sizeof input, .name = labels->name, .type = labels->type, .data = values, .elements = info->images};
  const incache_sample_options options = {.size = sizeof options, .inputs = &input, .input_count = 1, .seed = seed};
  const incache_run_options run = {.size = sizeof run, .progress = tell, .user = &remaining};

  require(incache_device_open(NULL, NULL, &device), "device");
  require(incache_sampler_create(device, model, &options, &sampler), "sampler");
  while (remaining > 0) {
    require(incache_sampler_step(sampler, &run, &remaining), "step");
  }
  fprintf(stderr, "\n%u steps on %u threads, %s\n", info->steps, incache_device_threads(device), incache_device_instruction_set(device));
  require(incache_sampler_latents(sampler, latents, elements), "latents");
  require(incache_sampler_images(sampler, NULL, pictures, bytes), "pictures");

  incache_sampler_destroy(sampler);
  incache_device_close(device);
  free(values);
}

int main(int count, char **arguments) {
  if (count < 3 || count > 4) fail("usage", "embed <model file> <folder> [seed]");
  const char *folder = arguments[2];
  const uint64_t seed = count > 3 ? parse_seed(arguments[3]) : 0;
  if (incache_abi_version() != INCACHE_ABI_VERSION) fail("libincache", "it is of another version than incache.h");

  incache_model *model = NULL;
  incache_model_info info = {.size = sizeof info};
  incache_input_info labels = {.size = sizeof labels};
  require(incache_model_open(arguments[1], &model), "model");
  require(incache_model_describe(model, &info), "model");
  require(incache_model_input(model, 0, &labels), "model");
  if (incache_model_inputs(model) != 1 || strcmp(labels.name, "labels") != 0) fail(arguments[1], "expected a model of labels");
  if (info.picture_channels == 0) fail(arguments[1], "expected a model of pictures; export it with its autoencoder");
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) fail(folder, strerror(errno));

  const size_t elements = (size_t)info.images * info.channels * info.height * info.width;
  const size_t image = (size_t)info.picture_channels * info.picture_height * info.picture_width;
  float *latents = allocate(elements * sizeof *latents);
  uint8_t *pictures = allocate(info.images * image);
  sample(model, &info, &labels, seed, latents, elements, pictures, info.images * image);
  for (uint32_t i = 0; i < info.images; i++) write_image(folder, i, pictures + i * image, &info);
  write_file(folder, "latents.f32", "", latents, elements * sizeof *latents);
  printf("%u images of %u x %u: %s\n", info.images, info.picture_width, info.picture_height, info.name);
  free(pictures);
  free(latents);
  incache_model_destroy(model);
  return EXIT_SUCCESS;
}
