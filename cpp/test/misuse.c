/* Every kind of misuse is refused with a status and a sentence, and leaves what it was to fill in as it was. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

#define BUFFERS \
  "\"buffers\":[{\"name\":\"x\",\"role\":\"input\",\"type\":\"f32\",\"rows\":3,\"columns\":5}," \
  "{\"name\":\"w\",\"role\":\"weight\",\"type\":\"f32\",\"rows\":7,\"columns\":5}," \
  "{\"name\":\"y\",\"role\":\"output\",\"type\":\"f32\",\"rows\":3,\"columns\":7}]"
#define OPS \
  "\"ops\":[{\"layer\":\"l\",\"op\":{\"op\":\"linear\",\"epilogue\":\"none\"," \
  "\"x\":{\"buffer\":0,\"row\":0,\"rows\":3,\"column\":0,\"columns\":5}," \
  "\"weight\":{\"buffer\":1,\"row\":0,\"rows\":7,\"column\":0,\"columns\":5}," \
  "\"out\":{\"buffer\":2,\"row\":0,\"rows\":3,\"column\":0,\"columns\":7}}}]"

static const char *PLAN = "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"one\"," BUFFERS "," OPS "}";

/* A value that no handle has: a failed call must not have touched it. */
static char untouched_place;
#define UNTOUCHED ((void *)&untouched_place)

static incache_plan *parse(const char *text) {
  incache_plan *plan = NULL;
  expect_ok(incache_plan_parse(text, strlen(text), &plan), text);
  return plan;
}

static void refuse_plan(const char *text, const char *part) {
  incache_plan *plan = UNTOUCHED;
  expect_refused(incache_plan_parse(text, strlen(text), &plan), INCACHE_BAD_PLAN, part);
  expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
}

/* ---- Handles and arguments -------------------------------------------------------------------------------------------- */

static void null_handles(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  incache_plan *plan = parse(PLAN);
  incache_weights *weights = NULL;
  incache_buffer *buffer = NULL;
  incache_buffer_info info;
  incache_cost cost;
  incache_executable *executable = UNTOUCHED;
  uint64_t place;
  double operations;
  float value = 0;
  const incache_binding unnamed = {NULL, NULL}, unbound = {"x", NULL};
  expect_ok(incache_weights_create(device, &weights), "weights");
  expect_ok(incache_buffer_create(device, 1, 1, INCACHE_F32, &buffer), "buffer");

  expect_refused(incache_device_open("cpu", NULL, NULL), INCACHE_BAD_ARGUMENT, "device is null");
  expect(incache_last_memory_error().asked == 0, "an error of another kind has no numbers of memory");
  expect_refused(incache_cancellation_create(NULL), INCACHE_BAD_ARGUMENT, "cancellation is null");
  incache_cancellation_cancel(NULL);
  incache_cancellation_destroy(NULL);
  expect_refused(incache_executable_run_cancellable(NULL, NULL), INCACHE_BAD_ARGUMENT, "executable is null");
  expect_refused(incache_device_peak(NULL, INCACHE_F32, 1, &operations), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_device_peak(device, INCACHE_F32, 1, NULL), INCACHE_BAD_ARGUMENT, "operations is null");
  expect_refused(incache_buffer_create(NULL, 1, 1, INCACHE_F32, &buffer), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_buffer_create(device, 1, 1, INCACHE_F32, NULL), INCACHE_BAD_ARGUMENT, "buffer is null");
  expect_refused(incache_buffer_write(NULL, &value, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "buffer is null");
  expect_refused(incache_buffer_write(buffer, NULL, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "data is null");
  expect_refused(incache_buffer_read(NULL, &value, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "buffer is null");
  expect_refused(incache_buffer_read(buffer, NULL, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "data is null");
  expect_refused(incache_plan_parse(NULL, 1, &plan), INCACHE_BAD_ARGUMENT, "text is null");
  expect_refused(incache_plan_parse("{}", 2, NULL), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_plan_create("n", NULL, 1, NULL, 0, &plan), INCACHE_BAD_ARGUMENT, "buffers is null");
  expect_refused(incache_plan_create("n", NULL, 0, NULL, 1, &plan), INCACHE_BAD_ARGUMENT, "ops is null");
  expect_refused(incache_plan_create("n", NULL, 0, NULL, 0, NULL), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_plan_buffer(NULL, 0, &info), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_plan_buffer(plan, 0, NULL), INCACHE_BAD_ARGUMENT, "info is null");
  expect_refused(incache_plan_cost(NULL, &cost), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_plan_cost(plan, NULL), INCACHE_BAD_ARGUMENT, "cost is null");
  expect_refused(incache_weights_create(NULL, &weights), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_weights_create(device, NULL), INCACHE_BAD_ARGUMENT, "weights is null");
  expect_refused(incache_weights_missing(NULL, plan, 0, &place), INCACHE_BAD_ARGUMENT, "weights is null");
  expect_refused(incache_weights_missing(weights, NULL, 0, &place), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_weights_missing(weights, plan, 0, NULL), INCACHE_BAD_ARGUMENT, "place is null");
  expect_refused(incache_weights_load(NULL, plan, 1, &value, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "weights is null");
  expect_refused(incache_weights_load(weights, NULL, 1, &value, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_weights_load(weights, plan, 1, NULL, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "data is null");
  expect_refused(incache_weights_release(NULL, ""), INCACHE_BAD_ARGUMENT, "weights is null");
  expect_refused(incache_weights_release(weights, NULL), INCACHE_BAD_ARGUMENT, "prefix is null");
  expect_refused(incache_executable_create(NULL, plan, weights, NULL, 0, &executable), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_executable_create(device, NULL, weights, NULL, 0, &executable), INCACHE_BAD_ARGUMENT, "plan is null");
  expect_refused(incache_executable_create(device, plan, NULL, NULL, 0, &executable), INCACHE_BAD_ARGUMENT, "weights is null");
  expect_refused(incache_executable_create(device, plan, weights, NULL, 1, &executable), INCACHE_BAD_ARGUMENT, "bindings is null");
  expect_refused(incache_executable_create(device, plan, weights, NULL, 0, NULL), INCACHE_BAD_ARGUMENT, "executable is null");
  expect_refused(incache_executable_create(device, plan, weights, &unnamed, 1, &executable), INCACHE_BAD_ARGUMENT, "a binding's name is null");
  expect_refused(incache_executable_create(device, plan, weights, &unbound, 1, &executable), INCACHE_BAD_ARGUMENT, "a binding's buffer is null");
  expect_refused(incache_executable_run(NULL), INCACHE_BAD_ARGUMENT, "executable is null");
  expect(executable == UNTOUCHED, "an executable that is refused fills nothing in");
  incache_buffer_destroy(buffer);
  incache_weights_destroy(weights);
  incache_plan_destroy(plan);
  incache_device_close(device);
}

static void null_models(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  incache_model *model = UNTOUCHED;
  incache_model_info info;
  incache_sampler *sampler = UNTOUCHED;
  const incache_sample_options options = {NULL, 0, 0};
  float value;
  expect_refused(incache_model_open(NULL, &model), INCACHE_BAD_ARGUMENT, "path is null");
  expect_refused(incache_model_open("x", NULL), INCACHE_BAD_ARGUMENT, "model is null");
  expect_refused(incache_model_open("/no/such/file", &model), INCACHE_ABSENT, "cannot open /no/such/file: No such file");
  expect(incache_model_open("/", &model) != INCACHE_OK, "a folder is no model");
  expect_refused(incache_model_parse(NULL, 1, &model), INCACHE_BAD_ARGUMENT, "bytes is null");
  expect_refused(incache_model_parse("x", 1, NULL), INCACHE_BAD_ARGUMENT, "model is null");
  expect_refused(incache_model_parse("x", 1, &model), INCACHE_BAD_PLAN, "not a model file: it has 1 bytes");
  expect_refused(incache_model_parse("\2\0\0\0\0\0\0\0{}", 10, &model), INCACHE_BAD_PLAN, "its metadata has no 'incache'");
  expect_refused(incache_model_parse("\377\377\377\377\377\377\377\377{}", 10, &model), INCACHE_BAD_PLAN, "its header would have");
  expect_refused(incache_model_describe(NULL, &info), INCACHE_BAD_ARGUMENT, "model is null");
  expect_refused(incache_sampler_create(device, NULL, &options, &sampler), INCACHE_BAD_ARGUMENT, "model is null");
  expect_refused(incache_sampler_restart(NULL, &options), INCACHE_BAD_ARGUMENT, "sampler is null");
  expect_refused(incache_sampler_step(NULL, NULL), INCACHE_BAD_ARGUMENT, "sampler is null");
  expect_refused(incache_sampler_latents(NULL, &value, 1), INCACHE_BAD_ARGUMENT, "sampler is null");
  expect(model == UNTOUCHED && sampler == UNTOUCHED, "what is refused fills nothing in");
  incache_device_close(device);
}

/* What has no status says nothing of a null handle, and destroying one does nothing. */
static void null_questions(void) {
  expect(incache_device_threads(NULL) == 0 && incache_device_memory(NULL) == 0, "no device has nothing");
  expect(strcmp(incache_device_instruction_set(NULL), "") == 0, "no device has no instruction set");
  expect(incache_plan_buffers(NULL) == 0 && incache_weights_bytes(NULL) == 0, "no plan, no weights");
  incache_device_close(NULL);
  incache_buffer_destroy(NULL);
  incache_plan_destroy(NULL);
  incache_weights_destroy(NULL);
  incache_executable_destroy(NULL);
  incache_model_destroy(NULL);
  incache_sampler_destroy(NULL);
}

static void devices(void) {
  incache_device *device = UNTOUCHED;
  const incache_device_options many = {5000, INCACHE_F32}, integers = {1, INCACHE_I32};
  double operations;
  incache_device_info info;
  expect_refused(incache_device_describe(NULL, &info), INCACHE_BAD_ARGUMENT, "name is null");
  expect_refused(incache_device_describe("cpu", NULL), INCACHE_BAD_ARGUMENT, "info is null");
  expect_refused(incache_device_describe("cuda:x", &info), INCACHE_ABSENT, "device is 'cuda:x'; expected cpu, cuda");
  expect_refused(incache_device_open("cuda:", NULL, &device), INCACHE_ABSENT, "device is 'cuda:'; expected cpu, cuda");
  expect_refused(incache_executable_wait(NULL), INCACHE_BAD_ARGUMENT, "executable is null");
  expect_refused(incache_device_open("abacus", NULL, &device), INCACHE_ABSENT, "device is 'abacus'; expected cpu");
  expect_refused(incache_device_open("cpu", &many, &device), INCACHE_BAD_ARGUMENT, "threads is 5000; expected at most 1024");
  expect_refused(incache_device_open("cpu", &integers, &device), INCACHE_BAD_ARGUMENT, "weights is 1; expected INCACHE_F32 or INCACHE_BF16");
  expect(device == UNTOUCHED, "a device that is refused fills nothing in");
  device = open_device(1, INCACHE_F32);
  expect_refused(incache_device_peak(device, INCACHE_F16, 1, &operations), INCACHE_BAD_ARGUMENT, "type is 3; expected INCACHE_F32 or INCACHE_BF16");
  incache_device_close(device);
}

static void buffers(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  incache_buffer *buffer = UNTOUCHED;
  float values[6] = {0};
  const uint64_t most = ~(uint64_t)0;
  expect_refused(incache_buffer_create(device, 0, 1, INCACHE_F32, &buffer), INCACHE_BAD_ARGUMENT, "the buffer is 0 x 1; expected sides from 1 to 2^30");
  expect_refused(incache_buffer_create(device, 1, most, INCACHE_F32, &buffer), INCACHE_BAD_ARGUMENT, "expected sides from 1 to 2^30");
  expect_refused(incache_buffer_create(device, 1 << 30, 1 << 30, INCACHE_F32, &buffer), INCACHE_OUT_OF_MEMORY, "the cpu is out of memory: asked for");
  incache_memory_error memory = incache_last_memory_error();
  expect(strcmp(memory.device, "cpu") == 0 && memory.asked == (uint64_t)1 << 62, "what was asked for, as a number");
  expect(memory.in_use == incache_device_memory(device) && memory.limit == 0, "what was in use");
  expect_refused(incache_buffer_create(device, 2, 3, INCACHE_F16, &buffer), INCACHE_BAD_ARGUMENT, "type is 3; expected INCACHE_F32, INCACHE_I32, INCACHE_E4M3 or INCACHE_BF16");
  expect_refused(incache_buffer_create(device, 2, 3, (incache_type)77, &buffer), INCACHE_BAD_ARGUMENT, "type is 77");
  expect(buffer == UNTOUCHED && incache_device_memory(device) == 0, "a buffer that is refused takes nothing");
  expect_ok(incache_buffer_create(device, 2, 3, INCACHE_F32, &buffer), "create");
  expect(incache_device_memory(device) == 24, "a buffer's memory is counted");
  expect_refused(incache_buffer_write(buffer, values, INCACHE_F32, 5), INCACHE_BAD_ARGUMENT, "elements is 5; expected 6");
  expect_refused(incache_buffer_read(buffer, values, INCACHE_F32, 7), INCACHE_BAD_ARGUMENT, "elements is 7; expected 6");
  expect_refused(incache_buffer_write(buffer, values, INCACHE_I32, 6), INCACHE_BAD_ARGUMENT, "type is 1; expected 0");
  expect_refused(incache_buffer_read(buffer, values, INCACHE_BF16, 6), INCACHE_BAD_ARGUMENT, "type is 2; expected 0");
  incache_buffer_destroy(buffer);
  expect_ok(incache_buffer_create(device, 2, 3, INCACHE_BF16, &buffer), "create");
  expect_refused(incache_buffer_write(buffer, values, INCACHE_F16, 6), INCACHE_BAD_ARGUMENT, "type is 3; expected 2, the buffer's own, or INCACHE_F32");
  incache_buffer_destroy(buffer);
  expect_ok(incache_buffer_create(device, 2, 3, INCACHE_E4M3, &buffer), "create");
  expect_refused(incache_buffer_write(buffer, values, INCACHE_E4M3, 6), INCACHE_BAD_ARGUMENT, "type is 4; expected INCACHE_F32");
  expect_refused(incache_buffer_read(buffer, values, INCACHE_BF16, 6), INCACHE_BAD_ARGUMENT, "type is 2; expected INCACHE_F32");
  incache_buffer_destroy(buffer);
  expect(incache_device_memory(device) == 0, "memory is given back");
  incache_device_close(device);
}

static void weights_and_bindings(void) {
  incache_device *device = open_device(1, INCACHE_F32), *other = open_device(1, INCACHE_F32);
  incache_plan *plan = parse(PLAN);
  incache_weights *weights = NULL, *foreign = NULL;
  incache_buffer *x = NULL, *y = NULL, *away = NULL, *whole = NULL;
  incache_executable *executable = UNTOUCHED;
  float values[35] = {0};
  expect_ok(incache_weights_create(device, &weights), "weights");
  expect_ok(incache_weights_create(other, &foreign), "weights");
  expect_refused(incache_weights_load(weights, plan, 9, values, INCACHE_F32, 35), INCACHE_BAD_ARGUMENT, "place is 9; the plan has 3 buffers");
  expect_refused(incache_weights_load(weights, plan, 0, values, INCACHE_F32, 15), INCACHE_BAD_ARGUMENT, "buffer 'x' is not a weight");
  expect_refused(incache_weights_load(weights, plan, 1, values, INCACHE_F32, 34), INCACHE_BAD_ARGUMENT, "weight 'w' has 34 values; the plan expects 7 x 5");
  expect_refused(incache_weights_load(weights, plan, 1, values, INCACHE_I32, 35), INCACHE_BAD_ARGUMENT, "type is 1; expected INCACHE_F32, INCACHE_BF16 or INCACHE_F16");
  expect_refused(incache_weights_load(weights, plan, 1, values, (incache_type)-1, 35), INCACHE_BAD_ARGUMENT, "; expected INCACHE_F32, INCACHE_BF16 or INCACHE_F16");
  memset(&values[17], 0xff, sizeof values[17]);
  expect_refused(incache_weights_load(weights, plan, 1, values, INCACHE_F32, 35), INCACHE_BAD_VALUE, "weight 'w' holds NaN at element 17; expected finite numbers");
  values[17] = 0;
  expect_ok(incache_buffer_create(device, 3, 5, INCACHE_F32, &x), "x");
  expect_ok(incache_buffer_create(device, 3, 7, INCACHE_F32, &y), "y");
  expect_ok(incache_buffer_create(other, 3, 7, INCACHE_F32, &away), "away");
  expect_ok(incache_buffer_create(device, 3, 5, INCACHE_I32, &whole), "whole");
  const incache_binding good[] = {{"x", x}, {"y", y}}, swapped[] = {{"x", y}, {"y", x}};
  const incache_binding abroad[] = {{"x", x}, {"y", away}}, typed[] = {{"x", whole}, {"y", y}};
  expect_refused(incache_executable_create(device, plan, weights, good, 2, &executable), INCACHE_BAD_ARGUMENT, "weight 'w' of 7 x 5 has not been loaded");
  expect_ok(incache_weights_load(weights, plan, 1, values, INCACHE_F32, 35), "load");
  expect_refused(incache_executable_create(device, plan, foreign, good, 2, &executable), INCACHE_BAD_ARGUMENT, "the weights belong to another device");
  expect_refused(incache_executable_create(device, plan, weights, good, 1, &executable), INCACHE_BAD_ARGUMENT, "no buffer is bound to 'y'");
  expect_refused(incache_executable_create(device, plan, weights, swapped, 2, &executable), INCACHE_BAD_ARGUMENT, "the buffer bound to 'x' is 3 x 7; expected 3 x 5");
  expect_refused(incache_executable_create(device, plan, weights, abroad, 2, &executable), INCACHE_BAD_ARGUMENT, "the buffer bound to 'y' belongs to another device");
  expect_refused(incache_executable_create(device, plan, weights, typed, 2, &executable), INCACHE_BAD_ARGUMENT, "of the plan's type");
  expect(executable == UNTOUCHED, "an executable that is refused fills nothing in");
  incache_buffer_destroy(x);
  incache_buffer_destroy(y);
  incache_buffer_destroy(away);
  incache_buffer_destroy(whole);
  incache_weights_destroy(weights);
  incache_weights_destroy(foreign);
  incache_plan_destroy(plan);
  incache_device_close(other);
  incache_device_close(device);
}

/* One buffer of a place for x and out: silu may work in place, the sum of products may not. */
static void shared_bindings(void) {
  static const char *HEAD =
      "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"shared\",\"buffers\":["
      "{\"name\":\"x\",\"role\":\"state\",\"type\":\"f32\",\"rows\":4,\"columns\":4},"
      "{\"name\":\"out\",\"role\":\"state\",\"type\":\"f32\",\"rows\":4,\"columns\":4}],\"ops\":[{\"layer\":\"\",\"op\":{\"op\":\"%s\","
      "\"x\":{\"buffer\":0,\"row\":0,\"rows\":4,\"column\":0,\"columns\":4},"
      "\"out\":{\"buffer\":1,\"row\":0,\"rows\":4,\"column\":0,\"columns\":4}}}]}";
  incache_device *device = open_device(1, INCACHE_F32);
  incache_weights *weights = NULL;
  incache_buffer *both = NULL;
  expect_ok(incache_weights_create(device, &weights), "weights");
  expect_ok(incache_buffer_create(device, 4, 4, INCACHE_F32, &both), "both");
  const incache_binding bindings[] = {{"x", both}, {"out", both}};
  for (int inPlace = 0; inPlace < 2; inPlace++) {
    char text[1024];
    snprintf(text, sizeof text, HEAD, inPlace ? "silu" : "secondMoment");
    incache_plan *plan = parse(text);
    incache_executable *executable = NULL;
    const incache_status status = incache_executable_create(device, plan, weights, bindings, 2, &executable);
    if (inPlace)
      expect_ok(status, "one buffer, in place");
    else
      expect_refused(status, INCACHE_BAD_ARGUMENT, "one buffer is bound to 'out', which is written, and to 'x' (op 0 of plan 'shared')");
    incache_executable_destroy(executable);
    incache_plan_destroy(plan);
  }
  incache_buffer_destroy(both);
  incache_weights_destroy(weights);
  incache_device_close(device);
}

/* ---- Values that only a run can see ------------------------------------------------------------------------------------ */

static void indices(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  const incache_buffer_info table[] = {
      {"table", INCACHE_STATE, INCACHE_F32, 4, 3}, {"index", INCACHE_INPUT, INCACHE_I32, 2, 1}, {"out", INCACHE_OUTPUT, INCACHE_F32, 2, 3}};
  const incache_op op = {.op = "gatherRows", .layer = "rows", .table = {0, 0, 4, 0, 3}, .index = {1, 0, 2, 0, 1}, .out = {2, 0, 2, 0, 3}};
  incache_plan *plan = NULL;
  incache_weights *weights = NULL;
  incache_executable *executable = NULL;
  incache_binding bindings[3];
  expect_ok(incache_plan_create("gather", table, 3, &op, 1, &plan), "create");
  expect_ok(incache_weights_create(device, &weights), "weights");
  for (int i = 0; i < 3; i++) {
    bindings[i].name = table[i].name;
    expect_ok(incache_buffer_create(device, table[i].rows, table[i].columns, table[i].type, &bindings[i].buffer), "buffer");
  }
  expect_ok(incache_executable_create(device, plan, weights, bindings, 3, &executable), "bind");
  static const int32_t wrong[][2] = {{0, 4}, {-1, 0}, {0, INT32_MIN}}, right[2] = {3, 0};
  for (int i = 0; i < 3; i++) {
    expect_ok(incache_buffer_write(bindings[1].buffer, wrong[i], INCACHE_I32, 2), "write");
    expect_refused(incache_executable_run(executable), INCACHE_BAD_VALUE, "gatherRows of rows: index ");
    expect(strstr(incache_last_error(), "; expected one from 0 to 3") != NULL, "the rows there are");
  }
  expect_ok(incache_buffer_write(bindings[1].buffer, right, INCACHE_I32, 2), "write");
  expect_ok(incache_executable_run(executable), "run");
  for (int i = 0; i < 3; i++) incache_buffer_destroy(bindings[i].buffer);
  incache_executable_destroy(executable);
  incache_weights_destroy(weights);
  incache_plan_destroy(plan);
  incache_device_close(device);
}

/* ---- Plans ----------------------------------------------------------------------------------------------------------- */

static void plans_as_text(void) {
  refuse_plan("", "not JSON: expected a value at byte 0");
  refuse_plan("{}", "format is missing");
  refuse_plan("[1]", "the file is not an object");
  refuse_plan("{\"format\":\"tea\",\"version\":1}", "format is not 'incache-plan'");
  refuse_plan("{\"format\":\"incache-plan\",\"version\":2}", "it is of version 2; this library reads version 1");
  refuse_plan("{\"format\":\"incache-plan\",\"version\":1.5}", "version is 1.5");
  refuse_plan("{\"format\":\"incache-plan\",\"version\":1,\"name\":\"n\",\"buffers\":[],\"ops\":[{\"layer\":\"\",\"op\":{\"op\":\"knead\"}}]}",
              "ops[0].op is 'knead'; expected an operation such as linear");
  refuse_plan("{\"a\":1,\"a\":2}", "a name given twice");
  refuse_plan("{\"a\":1e999}", "a number out of range");
  refuse_plan("{\"a\":\"\\q\"}", "an unknown escape");
  refuse_plan("{\"a\":\"\\u0000\"}", "the character 0 in a string");
  refuse_plan("{\"a\":007}", "a number that begins with 0");
  refuse_plan("{\"a\":-01}", "a number that begins with 0");
  refuse_plan("{\"a\":1.}", "expected a digit after the point");
  refuse_plan("{\"a\":1e+}", "expected a digit of the exponent");
  refuse_plan("{\"a\":.5}", "expected a value");
  refuse_plan("{\"a\":\"\\ud83d\"}", "half of a surrogate pair");
  refuse_plan("{\"a\":\"\\ude00\"}", "half of a surrogate pair");
  refuse_plan("{\"a\":\"\\ud83d\\u0041\"}", "half of a surrogate pair");
  refuse_plan("{\"a\":\"\xed\xa0\x80\"}", "a byte that is not UTF-8");
  refuse_plan("{\"a\":\"\xc0\xaf\"}", "a byte that is not UTF-8");
  refuse_plan("{\"a\":\"\xf0\x9f\"}", "a byte that is not UTF-8");
  char deep[200];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = 0;
  refuse_plan(deep, "nested too deeply");
}

/* A name outside of the basic plane, once in two escapes and once as it is: both are four bytes of UTF-8. */
static void names_in_unicode(void) {
  static const char *names[] = {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"};
  for (int i = 0; i < 2; i++) {
    char text[256];
    incache_plan *plan = NULL;
    incache_buffer_info info;
    snprintf(text, sizeof text,
             "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"n\",\"ops\":[],\"buffers\":[{\"name\":\"%s\",\"role\":\"input\","
             "\"type\":\"f32\",\"rows\":1,\"columns\":1}]}",
             names[i]);
    expect_ok(incache_plan_parse(text, strlen(text), &plan), text);
    expect_ok(incache_plan_buffer(plan, 0, &info), "its buffer");
    expect(strcmp(info.name, "\xf0\x9f\x98\x80") == 0, "the name is UTF-8");
    incache_plan_destroy(plan);
  }
}

/* Buffers of the plan below, which a test spoils one thing of. */
static const incache_buffer_info PARTS[] = {
    {"x", INCACHE_INPUT, INCACHE_F32, 3, 5},  {"w", INCACHE_WEIGHT, INCACHE_F32, 7, 5},   {"y", INCACHE_OUTPUT, INCACHE_F32, 3, 7},
    {"i", INCACHE_INPUT, INCACHE_I32, 3, 1},  {"t", INCACHE_TEMPORARY, INCACHE_F32, 3, 5},
};
static const incache_op GOOD = {.op = "linear", .layer = "l", .x = {0, 0, 3, 0, 5}, .weight = {1, 0, 7, 0, 5}, .out = {2, 0, 3, 0, 7}};

static void refuse_ops(const incache_op *op, incache_status status, const char *part) {
  incache_plan *plan = UNTOUCHED;
  expect_refused(incache_plan_create("spoiled", PARTS, 5, op, 1, &plan), status, part);
  expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
}

static void plans_of_operations(void) {
  incache_op op = GOOD;
  const incache_factors no_factor = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
  incache_plan *plan = NULL;
  expect_ok(incache_plan_create("good", PARTS, 5, &GOOD, 1, &plan), "the plan that is spoiled below is good");
  incache_plan_destroy(plan);
  op.op = NULL;
  refuse_ops(&op, INCACHE_BAD_ARGUMENT, "ops[0].op is null");
  op.op = "knead";
  refuse_ops(&op, INCACHE_BAD_PLAN, "ops[0].op is 'knead'; expected an operation such as linear");
  op = GOOD, op.epilogue = "relu";
  refuse_ops(&op, INCACHE_BAD_PLAN, "is 'relu'; expected none, gelu, silu or gateResidual");
  op = GOOD, op.epilogue = "gateResidual";
  refuse_ops(&op, INCACHE_BAD_PLAN, "op 0 (linear of l): epilogue gateResidual needs gate and residual");
  op = GOOD, op.weight.rows = 0;
  refuse_ops(&op, INCACHE_BAD_PLAN, "op 0 (linear of l): weight is missing");
  op = GOOD, op.q = op.x;
  refuse_ops(&op, INCACHE_BAD_PLAN, "ops[0].q is a field that linear does not have");
  op = GOOD, op.factor_count = 1;
  refuse_ops(&op, INCACHE_BAD_ARGUMENT, "ops[0].factors is null");
  op = (incache_op){.op = "calibratedLinear", .x = GOOD.x, .factors = &no_factor, .factor_count = 1};
  refuse_ops(&op, INCACHE_BAD_PLAN, "a factor of no rows");
  op = (incache_op){.op = "attention", .q = GOOD.x, .k = GOOD.x, .v = GOOD.x, .heads = 1, .query_length = 3, .key_length = 3, .out = {4, 0, 3, 0, 5}};
  op.attention_scale = INFINITY;
  refuse_ops(&op, INCACHE_BAD_PLAN, "scale is inf; expected a positive number");
  op = GOOD, op.x.buffer = 9;
  refuse_ops(&op, INCACHE_BAD_PLAN, "x names buffer 9, of 5");
  op = GOOD, op.x.row = 1;
  refuse_ops(&op, INCACHE_BAD_PLAN, "x takes 3 rows from 1 of 'x', which has 3");
  op = GOOD, op.x.columns = ~(uint64_t)0;
  refuse_ops(&op, INCACHE_BAD_PLAN, "expected at most 2^30");
  op = GOOD, op.x = (incache_view){3, 0, 3, 0, 1};
  refuse_ops(&op, INCACHE_BAD_PLAN, "x is i32 ('i'); expected f32, bf16, f16");
  op = GOOD, op.x = (incache_view){4, 0, 3, 0, 5};
  refuse_ops(&op, INCACHE_BAD_PLAN, "x reads 't' before it is written");
  op = GOOD, op.out = (incache_view){1, 0, 3, 0, 5};
  refuse_ops(&op, INCACHE_BAD_PLAN, "out writes to 'w', which is a weight");
  op = GOOD, op.weight.columns = 4;
  refuse_ops(&op, INCACHE_BAD_PLAN, "weight has 4 columns; expected 5");
  op = GOOD, op.out.columns = 6;
  refuse_ops(&op, INCACHE_BAD_PLAN, "out is 3 x 6; expected 3 x 7");
  op = GOOD, op.store = op.out;
  refuse_ops(&op, INCACHE_BAD_PLAN, "overlaps");
  op = (incache_op){.op = "silu", .epilogue = "gelu", .x = {0, 0, 3, 0, 5}, .out = {4, 0, 3, 0, 5}};
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
  op = (incache_op){.op = "linearCombination", .term_count = 1, .out = {4, 0, 3, 0, 5}};
  refuse_ops(&op, INCACHE_BAD_ARGUMENT, "ops[0].terms is null");
  incache_term terms[5] = {{.coefficient = 1}};
  op.terms = terms;
  refuse_ops(&op, INCACHE_BAD_PLAN, "a term of no rows");
  for (int i = 0; i < 5; i++) terms[i] = (incache_term){{0, 0, 3, 0, 5}, 1};
  op.term_count = 5;
  refuse_ops(&op, INCACHE_BAD_PLAN, "terms has 5 of them; expected 1 to 4");
  op.term_count = 2, terms[1].coefficient = INFINITY;
  refuse_ops(&op, INCACHE_BAD_PLAN, "terms[1].coefficient is inf; expected a finite number");
  terms[1] = (incache_term){{0, 0, 3, 0, 4}, 1};
  refuse_ops(&op, INCACHE_BAD_PLAN, "terms[1].x is 3 x 4; expected 3 x 5");
  op.op = "silu", op.x = (incache_view){0, 0, 3, 0, 5};
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
  op = (incache_op){.op = "relativeDistance", .x = {0, 0, 3, 0, 5}, .previous = {0, 0, 3, 0, 5}, .norm = 3, .out = {4, 0, 1, 0, 1}};
  refuse_ops(&op, INCACHE_BAD_PLAN, "norm is 3; expected 1 or 2");
  op = (incache_op){.op = "silu", .epilogue = "gelu", .x = {0, 0, 3, 0, 5}, .out = {4, 0, 3, 0, 5}};
  op.epilogue = NULL, op.heads = 2;
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
  op.heads = 0, op.epsilon = 1e-6;
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
}

static void plans_of_buffers(void) {
  static const struct {
    incache_buffer_info buffer;
    incache_status status;
    const char *part;
  } cases[] = {
      {{NULL, INCACHE_INPUT, INCACHE_F32, 1, 1}, INCACHE_BAD_ARGUMENT, "buffers[1].name is null"},
      {{"x", INCACHE_INPUT, INCACHE_F32, 1, 1}, INCACHE_BAD_PLAN, "buffer 1 ('x'): the name is taken by another buffer"},
      {{"b", INCACHE_INPUT, INCACHE_F32, 0, 1}, INCACHE_BAD_PLAN, "buffer 1 ('b'): rows is 0; expected an integer from 1 to 2^30"},
      {{"b", INCACHE_INPUT, INCACHE_F32, 1 << 30, 1 << 30}, INCACHE_BAD_PLAN, "at most 2^36"},
      {{"b", INCACHE_INPUT, INCACHE_F32, ~(uint64_t)0, 1}, INCACHE_BAD_PLAN, "buffers[1].rows is 18446744073709551615; expected at most 2^30"},
      {{"b", INCACHE_STATE, INCACHE_I32, 1, 1}, INCACHE_BAD_PLAN, "only inputs may hold i32"},
      {{"b", INCACHE_WEIGHT, INCACHE_BF16, 1, 1}, INCACHE_BAD_PLAN, "only states and temporaries may hold bf16"},
      {{"b", INCACHE_WEIGHT, INCACHE_F16, 1, 1}, INCACHE_BAD_PLAN, "only states and temporaries may hold f16"},
      {{"b", INCACHE_TEMPORARY, INCACHE_E4M3, 1, 1}, INCACHE_BAD_PLAN, "only states may hold e4m3"},
      {{"b", INCACHE_STATE, (incache_type)5, 1, 1}, INCACHE_BAD_PLAN, "has an unknown role or type"},
      {{"b", (incache_role)50, INCACHE_F32, 1, 1}, INCACHE_BAD_PLAN, "has an unknown role or type"},
      {{"b", (incache_role)-1, INCACHE_F32, 1, 1}, INCACHE_BAD_PLAN, "has an unknown role or type"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const incache_buffer_info both[] = {PARTS[0], cases[i].buffer};
    incache_plan *plan = UNTOUCHED;
    expect_refused(incache_plan_create("spoiled", both, 2, NULL, 0, &plan), cases[i].status, cases[i].part);
    expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
  }
}

/* Every truncation is refused; a changed byte is refused, or it is another plan. None is read past its end. */
static void damaged_plans(void) {
  const size_t length = strlen(PLAN);
  for (size_t some = 0; some < length; some++) {
    /* Not one byte more, so that an address sanitizer sees a read past the end. */
    char *text = allocate(some + (some == 0));
    incache_plan *plan = UNTOUCHED;
    memcpy(text, PLAN, some);
    expect(incache_plan_parse(text, some, &plan) == INCACHE_BAD_PLAN && plan == UNTOUCHED, "a truncated plan is refused");
    free(text);
  }
  char *text = allocate(length);
  for (size_t at = 0; at < length; at++)
    for (int byte = 0; byte < 256; byte += 3) {
      incache_plan *plan = NULL;
      incache_cost cost;
      memcpy(text, PLAN, length);
      text[at] = (char)byte;
      const incache_status status = incache_plan_parse(text, length, &plan);
      expect(status == INCACHE_OK || (status == INCACHE_BAD_PLAN && !plan && *incache_last_error()), "a changed plan is refused or is one");
      if (plan) expect_ok(incache_plan_cost(plan, &cost), "cost");
      incache_plan_destroy(plan);
    }
  free(text);
}

int main(void) {
  expect(strcmp(incache_last_error(), "") == 0, "no error before any call has failed");
  null_handles();
  null_models();
  null_questions();
  devices();
  buffers();
  weights_and_bindings();
  shared_bindings();
  indices();
  plans_as_text();
  names_in_unicode();
  plans_of_operations();
  plans_of_buffers();
  damaged_plans();
  return outcome();
}
