/* Inputs of a model by name: a file of version 3 whose network adds a number of each sequence to its latents. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

enum { IMAGES = 2, SCALE = 3 };

#define INPUT_BUFFER(name, type, rows) "{\"name\":\"" name "\",\"role\":\"input\",\"type\":\"" type "\",\"rows\":" rows ",\"columns\":1}"
#define VIEW(buffer, rows) "{\"buffer\":" buffer ",\"row\":0,\"rows\":" rows ",\"column\":0,\"columns\":1}"

/* The context is keys = 2 text, the prediction latents + keys, the next latents the prediction. The level fills a table alone. */
static const char *HEADER =
    "{\"format\":\"incache-model\",\"version\":3,\"name\":\"text\",\"channels\":1,\"height\":1,\"width\":1,\"learnSigma\":false,\"images\":2,"
    "\"guided\":true,\"guidanceScale\":3,\"guidanceChannels\":1,\"labelRows\":3,\"chunkSteps\":1,\"sampler\":\"ddim\","
    "\"inputs\":[%s],"
    "\"steps\":[{\"plan\":0,\"timestep\":1,\"x0\":{\"x\":0,\"noise\":0},\"next\":{\"x\":0,\"x0\":0,\"x0Before\":0,\"noise\":1}}],"
    "\"context\":{\"name\":\"k\",\"buffers\":[" INPUT_BUFFER("text", "f32", "4") ",{\"name\":\"keys\",\"role\":\"state\",\"type\":\"f32\",\"rows\":4,\"columns\":1}],"
    "\"ops\":[{\"layer\":\"\",\"op\":{\"op\":\"add\",\"x\":" VIEW("0", "4") ",\"y\":" VIEW("0", "4") ",\"out\":" VIEW("1", "4") "}}]},"
    "\"conditioning\":{\"name\":\"c\",\"buffers\":[" INPUT_BUFFER("timesteps", "f32", "3") "," INPUT_BUFFER("level", "i32", "3") ","
    "{\"name\":\"table\",\"role\":\"state\",\"type\":\"f32\",\"rows\":3,\"columns\":1}],"
    "\"ops\":[{\"layer\":\"\",\"op\":{\"op\":\"gatherRows\",\"table\":" VIEW("0", "3") ",\"index\":" VIEW("1", "3") ",\"out\":" VIEW("2", "3") "}}]},"
    "\"plans\":[{\"name\":\"s\",\"buffers\":[" INPUT_BUFFER("latents", "f32", "4") "," INPUT_BUFFER("rows", "i32", "4") "," "{\"name\":\"keys\",\"role\":\"state\",\"type\":\"f32\",\"rows\":4,\"columns\":1},"
    "{\"name\":\"prediction\",\"role\":\"output\",\"type\":\"f32\",\"rows\":4,\"columns\":1}],"
    "\"ops\":[{\"layer\":\"\",\"op\":{\"op\":\"add\",\"x\":" VIEW("0", "4") ",\"y\":" VIEW("2", "4") ",\"out\":" VIEW("3", "4") "}}]}]}";

static const char *INPUTS =
    "{\"name\":\"text\",\"type\":\"f32\",\"rows\":1,\"columns\":1},"
    "{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":2,\"unconditional\":2}";

/* A safetensors file without tensors, whose metadata have this header. */
static char *file_of(const char *inputs, size_t *length) {
  char json[4096], escaped[8192], *to = escaped;
  snprintf(json, sizeof json, HEADER, inputs);
  for (const char *from = json; *from; from++) {
    if (*from == '"') *to++ = '\\';
    *to++ = *from;
  }
  *to = 0;
  char *bytes = allocate(sizeof escaped + 64);
  const uint64_t header = (uint64_t)snprintf(bytes + 8, sizeof escaped, "{\"__metadata__\":{\"incache\":\"%s\"}}", escaped);
  memcpy(bytes, &header, sizeof header);
  *length = header + 8;
  return bytes;
}

static void refuse_file(const char *inputs, const char *part) {
  size_t length = 0;
  char *bytes = file_of(inputs, &length);
  incache_model *model = UNTOUCHED;
  expect_refused(incache_model_parse(bytes, length, &model), INCACHE_BAD_PLAN, part);
  expect(model == UNTOUCHED, "a model that is refused fills nothing in");
  free(bytes);
}

static void refused_files(void) {
  refuse_file("", "nothing is given to its input 'level'");
  refuse_file("{\"name\":\"text\",\"type\":\"f32\",\"rows\":1,\"columns\":1}", "nothing is given to its input 'level'");
  refuse_file("{\"name\":\"text\",\"type\":\"bf16\",\"rows\":1,\"columns\":1}", "inputs[0].type is 'bf16'; expected i32 or f32");
  refuse_file("{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":0}", "most is 0; expected 1 to 16777216");
  refuse_file("{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":2,\"unconditional\":3}",
              "inputs[0].unconditional is 3; expected an integer of its range");
  refuse_file("{\"name\":\"level\",\"type\":\"f32\",\"rows\":1,\"columns\":1}", "buffer 'level' does not fit the input of this name");
  refuse_file("{\"name\":\"level\",\"type\":\"i32\",\"rows\":2,\"columns\":1,\"least\":1,\"most\":2}", "buffer 'level' does not fit the input of this name");
  refuse_file("{\"name\":\"text\",\"type\":\"f32\",\"rows\":1,\"columns\":1,\"unconditional\":\"file\"}",
              "inputs[0].unconditional is 'file'; expected a number, tensor or conditional");
  refuse_file("{\"name\":\"text\",\"type\":\"f32\",\"rows\":1,\"columns\":1,\"values\":[1,2]}", "inputs[0].values has 2 of them; expected 1");
  refuse_file("{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":2,\"values\":[3]}",
              "inputs[0].values has something else than values of the input");
  refuse_file("{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":2,\"unconditional\":\"conditional\"}",
              "unconditional values of 'level' cannot be those of the images; expected an input of sequences");
  refuse_file("{\"name\":\"text\",\"type\":\"f32\",\"rows\":1,\"columns\":1,\"unconditional\":\"tensor\"},"
              "{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":2}",
              "tensor 'inputs.text.unconditional' is missing");
  char more[512];
  snprintf(more, sizeof more, "%s,{\"name\":\"size\",\"type\":\"f32\",\"rows\":1,\"columns\":1}", INPUTS);
  refuse_file(more, "no plan reads the input 'size'");
}

static incache_input input_of(const char *name, incache_type type, const void *data, uint64_t elements) {
  return (incache_input){sizeof(incache_input), name, type, data, elements};
}

static void refuse_inputs(incache_device *device, const incache_model *model, const incache_input *inputs, uint64_t count, incache_status status,
                          const char *part) {
  const incache_sample_options options = {sizeof options, inputs, count, 0, 0};
  incache_sampler *sampler = UNTOUCHED;
  expect_refused(incache_sampler_create(device, model, &options, &sampler), status, part);
  expect(sampler == UNTOUCHED, "a sampler that is refused fills nothing in");
}

static void refused_inputs(incache_device *device, const incache_model *model) {
  const float text[] = {10, 20, 30}, bad[] = {10, INFINITY, 30};
  const int32_t level[] = {1, 2}, low[] = {1, 0};
  const incache_input t = input_of("text", INCACHE_F32, text, 3), l = input_of("level", INCACHE_I32, level, 2);
  const incache_input missing[] = {t}, twice[] = {t, t, l}, unknown[] = {t, l, input_of("tea", INCACHE_F32, text, 3)};
  const incache_input nameless[] = {input_of(NULL, INCACHE_F32, text, 3)}, empty[] = {input_of("text", INCACHE_F32, NULL, 3)};
  const incache_input typed[] = {input_of("text", INCACHE_I32, text, 3)}, few[] = {input_of("text", INCACHE_F32, text, 2)};
  const incache_input infinite[] = {input_of("text", INCACHE_F32, bad, 3)}, below[] = {t, input_of("level", INCACHE_I32, low, 2)};
  refuse_inputs(device, model, missing, 1, INCACHE_BAD_ARGUMENT, "the input 'level' is missing");
  refuse_inputs(device, model, twice, 3, INCACHE_BAD_ARGUMENT, "the input 'text' is given twice");
  refuse_inputs(device, model, unknown, 3, INCACHE_BAD_ARGUMENT, "the model has no input 'tea'; it has text, level");
  refuse_inputs(device, model, nameless, 1, INCACHE_BAD_ARGUMENT, "the name of an input is null");
  refuse_inputs(device, model, empty, 1, INCACHE_BAD_ARGUMENT, "text.data is null");
  refuse_inputs(device, model, typed, 1, INCACHE_BAD_ARGUMENT, "text.type is 1; expected INCACHE_F32");
  refuse_inputs(device, model, few, 1, INCACHE_BAD_ARGUMENT, "text.elements is 2; expected 3, 3 x 1 x 1");
  refuse_inputs(device, model, infinite, 1, INCACHE_BAD_VALUE, "text[1] is inf; expected finite numbers");
  refuse_inputs(device, model, below, 2, INCACHE_BAD_VALUE, "level[1] is 0; expected 1 to 2");
}

/* Two images whose latents begin as `noise`, after a step with these texts; the last is what guidance leads away from. */
static void expect_guided(const float *noise, const float *latents, const float *text, const float *away) {
  for (int i = 0; i < IMAGES; i++) {
    const double unconditional = (double)noise[i] + 2 * (double)away[i], conditional = (double)noise[i] + 2 * (double)text[i];
    expect(fabs((double)latents[i] - (unconditional + SCALE * (conditional - unconditional))) < 1e-4, "each sequence has its own text");
  }
}

static void draw(incache_device *device, const incache_model *model, const incache_input *inputs, uint64_t count, float *noise, float *latents) {
  const incache_sample_options options = {sizeof options, inputs, count, 7, 0};
  incache_sampler *sampler = NULL;
  expect_ok(incache_sampler_create(device, model, &options, &sampler), "create");
  if (!sampler) return;
  expect_ok(incache_sampler_latents(sampler, noise, IMAGES), "noise");
  expect_ok(incache_sampler_step(sampler, NULL, NULL), "step");
  expect_ok(incache_sampler_latents(sampler, latents, IMAGES), "latents");
  incache_sampler_destroy(sampler);
}

/* The text that guidance leads away from is the last group. */
static void guided_text(incache_device *device, const incache_model *model) {
  const float text[] = {10, 20, 30}, away[] = {30, 30};
  const int32_t level[] = {1, 2};
  const incache_input inputs[] = {input_of("level", INCACHE_I32, level, 2), input_of("text", INCACHE_F32, text, 3)};
  float noise[IMAGES] = {0}, latents[IMAGES] = {0};
  draw(device, model, inputs, 2, noise, latents);
  expect_guided(noise, latents, text, away);
}

/* A file that says what unconditional sequences have, and the level of all: the program may say otherwise. */
static void own_values(incache_device *device) {
  size_t length = 0;
  char *bytes = file_of("{\"name\":\"text\",\"type\":\"f32\",\"rows\":1,\"columns\":1,\"unconditional\":\"conditional\"},"
                        "{\"name\":\"level\",\"type\":\"i32\",\"rows\":1,\"columns\":1,\"least\":1,\"most\":2,\"unconditional\":1,\"values\":[2]}",
                        &length);
  incache_model *model = NULL;
  expect_ok(incache_model_parse(bytes, length, &model), "a model with values of its own");
  if (!model) return;
  incache_input_info info = {.size = sizeof info};
  expect_ok(incache_model_input(model, 0, &info), "the text");
  expect(info.groups == IMAGES && info.most_groups == IMAGES + 1 && !info.optional, "one group more may be given");
  expect_ok(incache_model_input(model, 1, &info), "the level");
  expect(info.optional == 1, "the level may be left out");
  info.size = offsetof(incache_input_info, most_groups);
  info.optional = 7;
  expect_ok(incache_model_input(model, 1, &info), "the struct of an older header");
  expect(info.optional == 7, "fields that an older header lacks are left alone");
  const float text[] = {10, 20, 30}, away[] = {30, 30};
  const int32_t level[] = {1, 2, 1};
  const incache_input own = input_of("text", INCACHE_F32, text, 2), more = input_of("text", INCACHE_F32, text, 3);
  float noise[IMAGES] = {0}, latents[IMAGES] = {0};
  draw(device, model, &own, 1, noise, latents);
  expect_guided(noise, latents, text, text);
  draw(device, model, &more, 1, noise, latents);
  expect_guided(noise, latents, text, away);
  const incache_input both[] = {more, input_of("level", INCACHE_I32, level, 3)}, mixed[] = {more, input_of("level", INCACHE_I32, level, 2)};
  draw(device, model, both, 2, noise, latents);
  expect_guided(noise, latents, text, away);
  refuse_inputs(device, model, mixed, 2, INCACHE_BAD_ARGUMENT,
                "unconditional values are given of 'text' but not of 'level'; expected those of both or of neither");
  const incache_input few = input_of("text", INCACHE_F32, text, 1);
  refuse_inputs(device, model, &few, 1, INCACHE_BAD_ARGUMENT, "text.elements is 1; expected 2, 2 x 1 x 1, or with unconditional values 3");
  incache_model_destroy(model);
  free(bytes);
}

int main(void) {
  size_t length = 0;
  char *bytes = file_of(INPUTS, &length);
  incache_device *device = open_device(1, INCACHE_F32);
  incache_model *model = NULL;
  expect_ok(incache_model_parse(bytes, length, &model), "a model with inputs of its own");
  if (!model) return outcome();
  static const struct {
    const char *name;
    incache_type type;
    uint32_t groups;
    int32_t least, most;
  } expected[] = {{"text", INCACHE_F32, IMAGES + 1, 0, 0}, {"level", INCACHE_I32, IMAGES, 1, 2}};
  incache_input_info info = {.size = sizeof info};
  expect(incache_model_inputs(model) == 2, "two inputs");
  expect_refused(incache_model_input(model, 2, &info), INCACHE_BAD_ARGUMENT, "place is 2; expected one below 2, the number of inputs");
  for (uint64_t i = 0; i < 2; i++) {
    expect_ok(incache_model_input(model, i, &info), "an input");
    expect(strcmp(info.name, expected[i].name) == 0 && info.type == expected[i].type && info.groups == expected[i].groups, expected[i].name);
    expect(info.least == expected[i].least && info.most == expected[i].most && info.rows == 1 && info.columns == 1, "its range");
  }
  refused_files();
  refused_inputs(device, model);
  guided_text(device, model);
  own_values(device);
  incache_model_destroy(model);
  incache_device_close(device);
  free(bytes);
  return outcome();
}
