/*
 * Samples a model file and writes each image as a PPM (of grey ones as a PGM), and the latents of all as raw float32.
 *
 *     embed <model file> <folder> [seed [embeddings]]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <incache.h>

#include "embeddings.h"
#include "fail.h"

void fail(const char *what, const char *reason) {
  fprintf(stderr, "%s: %s\n", what, reason);
  exit(EXIT_FAILURE);
}

/* Every call that can fail returns a status; the reason is kept for the thread that called. */
static void require(incache_status status, const char *what) {
  if (status != INCACHE_OK) fail(what, incache_last_error());
}

void *allocate(size_t bytes) {
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

/* Of a model of classes: one class after the other. */
static incache_input labels_of(const incache_input_info *labels, uint32_t images) {
  int32_t *values = allocate(images * sizeof *values);
  for (uint32_t i = 0; i < images; i++) values[i] = (int32_t)i % labels->most;
  return (incache_input){.size = sizeof(incache_input), .name = labels->name, .type = labels->type, .data = values, .elements = images};
}

/* Of a model of texts: the rows of each, padded with zeros to those that the model takes, the prompts in turn. */
static incache_input text_of(const incache_input_info *text, const embeddings *given, uint32_t images) {
  const size_t group = (size_t)text->rows * text->columns, own = (size_t)given->tokens * given->width;
  float *values = allocate(images * group * sizeof *values);
  if (given->width != text->columns || given->tokens > text->rows) fail("embeddings", "they are of another text encoder than the model's");
  memset(values, 0, images * group * sizeof *values);
  for (uint32_t i = 0; i < images; i++) memcpy(values + i * group, given->values + (i % given->prompts) * own, own * sizeof *values);
  return (incache_input){.size = sizeof(incache_input), .name = text->name, .type = text->type, .data = values, .elements = images * group};
}

static incache_input lengths_of(const incache_input_info *lengths, const embeddings *given, uint32_t images) {
  int32_t *values = allocate(images * sizeof *values);
  for (uint32_t i = 0; i < images; i++) values[i] = given->lengths[i % given->prompts];
  return (incache_input){.size = sizeof(incache_input), .name = lengths->name, .type = lengths->type, .data = values, .elements = images};
}

/* What the model is conditioned on. `given` is NULL where there are no embeddings. */
static uint32_t inputs_of(const incache_model *model, const embeddings *given, uint32_t images, incache_input inputs[2]) {
  uint32_t count = 0;
  for (uint64_t place = 0; place < incache_model_inputs(model); place++) {
    incache_input_info info = {.size = sizeof info};
    require(incache_model_input(model, place, &info), "model");
    if (info.optional) continue;
    if (info.groups != images) fail(info.name, "what guidance leads away from is not in the file; export it with a negative prompt");
    const int is_text = strcmp(info.name, "text") == 0, is_length = strcmp(info.name, "textLengths") == 0;
    if ((is_text || is_length) && !given) fail(info.name, "the model takes texts; give a file of embeddings");
    if (strcmp(info.name, "labels") == 0) inputs[count++] = labels_of(&info, images);
    else if (is_text) inputs[count++] = text_of(&info, given, images);
    else if (is_length) inputs[count++] = lengths_of(&info, given, images);
    else fail(info.name, "expected a model of labels or of texts");
  }
  return count;
}

/* A batch: its latents and its pictures. */
static void sample(const incache_model *model, const incache_model_info *info, const embeddings *given, uint64_t seed, float *latents, size_t elements,
                   uint8_t *pictures, size_t bytes) {
  incache_device *device = NULL;
  incache_sampler *sampler = NULL;
  uint32_t remaining = info->steps;
  incache_input inputs[2];
  const uint32_t count = inputs_of(model, given, info->images, inputs);
  const incache_sample_options options = {.size = sizeof options, .inputs = inputs, .input_count = count, .seed = seed};
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
  for (uint32_t i = 0; i < count; i++) free((void *)inputs[i].data);
}

int main(int count, char **arguments) {
  if (count < 3 || count > 5) fail("usage", "embed <model file> <folder> [seed [embeddings]]");
  const char *folder = arguments[2];
  const uint64_t seed = count > 3 ? parse_seed(arguments[3]) : 0;
  if (incache_abi_version() != INCACHE_ABI_VERSION) fail("libincache", "it is of another version than incache.h");

  incache_model *model = NULL;
  incache_model_info info = {.size = sizeof info};
  require(incache_model_open(arguments[1], &model), "model");
  require(incache_model_describe(model, &info), "model");
  if (info.picture_channels == 0) fail(arguments[1], "expected a model of pictures; export it with its autoencoder");
  if (mkdir(folder, 0777) != 0 && errno != EEXIST) fail(folder, strerror(errno));

  const size_t elements = (size_t)info.images * info.channels * info.height * info.width;
  const size_t image = (size_t)info.picture_channels * info.picture_height * info.picture_width;
  float *latents = allocate(elements * sizeof *latents);
  uint8_t *pictures = allocate(info.images * image);
  embeddings given = {0};
  if (count > 4) given = embeddings_read(arguments[4]);
  sample(model, &info, count > 4 ? &given : NULL, seed, latents, elements, pictures, info.images * image);
  for (uint32_t i = 0; i < info.images; i++) write_image(folder, i, pictures + i * image, &info);
  write_file(folder, "latents.f32", "", latents, elements * sizeof *latents);
  printf("%u images of %u x %u: %s\n", info.images, info.picture_width, info.picture_height, info.name);
  embeddings_free(&given);
  free(pictures);
  free(latents);
  incache_model_destroy(model);
  return EXIT_SUCCESS;
}
