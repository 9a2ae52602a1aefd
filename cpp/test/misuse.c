/* Misuse of handles and arguments is refused with a status and a sentence, and leaves what it was to fill in as it was. */
#include <stdio.h>
#include <string.h>

#include "expect.h"
#include "misuse.h"
#include "operation.h"
#include "tensors.h"

static incache_plan *parse(const char *text) {
  incache_plan *plan = NULL;
  expect_ok(incache_plan_parse(text, strlen(text), &plan), text);
  return plan;
}

/* ---- Handles and arguments -------------------------------------------------------------------------------------------- */

static void null_handles(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  incache_plan *plan = parse(PLAN);
  incache_weights *weights = NULL;
  incache_buffer *buffer = NULL;
  incache_buffer_info info = {.size = sizeof info};
  incache_cost cost = {.size = sizeof cost};
  incache_executable *executable = UNTOUCHED;
  uint64_t place;
  double operations;
  float value = 0;
  const incache_binding unnamed = BINDING(NULL, NULL), unbound = BINDING("x", NULL);
  expect_ok(incache_weights_create(device, &weights), "weights");
  expect_ok(incache_buffer_create(device, 1, 1, INCACHE_F32, &buffer), "buffer");

  expect_refused(incache_device_open("cpu", NULL, NULL), INCACHE_BAD_ARGUMENT, "device is null");
  incache_memory_error memory = {.size = sizeof memory, .asked = 1};
  expect_ok(incache_last_memory_error(&memory), "memory");
  expect(memory.asked == 0, "an error of another kind has no numbers of memory");
  expect(strstr(incache_last_error(), "device is null") != NULL, "and its sentence stays");
  expect_refused(incache_last_memory_error(NULL), INCACHE_BAD_ARGUMENT, "error is null");
  expect_refused(incache_cancellation_create(NULL), INCACHE_BAD_ARGUMENT, "cancellation is null");
  incache_cancellation_cancel(NULL);
  incache_cancellation_destroy(NULL);
  expect_refused(incache_executable_run(NULL, NULL), INCACHE_BAD_ARGUMENT, "executable is null");
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
  expect(executable == UNTOUCHED, "an executable that is refused fills nothing in");
  incache_buffer_destroy(buffer);
  incache_weights_destroy(weights);
  incache_plan_destroy(plan);
  incache_device_close(device);
}

static void null_models(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  incache_model *model = UNTOUCHED;
  incache_model_info info = {.size = sizeof info};
  incache_input_info input = {.size = sizeof input};
  incache_sampler *sampler = UNTOUCHED;
  const incache_sample_options options = {.size = sizeof options};
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
  expect_refused(incache_model_input(NULL, 0, &input), INCACHE_BAD_ARGUMENT, "model is null");
  expect(incache_model_inputs(NULL) == 0, "no model has no inputs");
  expect_refused(incache_sampler_create(device, NULL, &options, &sampler), INCACHE_BAD_ARGUMENT, "model is null");
  expect_refused(incache_sampler_restart(NULL, &options), INCACHE_BAD_ARGUMENT, "sampler is null");
  expect_refused(incache_sampler_step(NULL, NULL, NULL), INCACHE_BAD_ARGUMENT, "sampler is null");
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
  const incache_device_options many = {sizeof many, 5000, INCACHE_F32}, integers = {sizeof integers, 1, INCACHE_I32}, unset = {0, 1, INCACHE_F32};
  double operations;
  incache_device_info info = {.size = sizeof info};
  expect_refused(incache_device_describe(NULL, &info), INCACHE_BAD_ARGUMENT, "name is null");
  expect_refused(incache_device_describe("cpu", NULL), INCACHE_BAD_ARGUMENT, "info is null");
  expect_refused(incache_device_describe("cuda:x", &info), INCACHE_ABSENT, "device is 'cuda:x'; expected cpu, cuda");
  expect_refused(incache_device_open("cuda:", NULL, &device), INCACHE_ABSENT, "device is 'cuda:'; expected cpu, cuda");
  expect_refused(incache_executable_wait(NULL), INCACHE_BAD_ARGUMENT, "executable is null");
  expect_refused(incache_device_open("abacus", NULL, &device), INCACHE_ABSENT, "device is 'abacus'; expected cpu");
  expect_refused(incache_device_open("cpu", &unset, &device), INCACHE_BAD_ARGUMENT, "options.size is 0; expected the struct's, 16");
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
  incache_memory_error memory = {.size = sizeof memory};
  expect_ok(incache_last_memory_error(&memory), "memory");
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
  expect_refused(incache_weights_load(weights, plan, 9, values, INCACHE_F32, 35), INCACHE_BAD_ARGUMENT, "place is 9; expected one below 3, the number of buffers");
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
  const incache_binding good[] = {BINDING("x", x), BINDING("y", y)}, swapped[] = {BINDING("x", y), BINDING("y", x)};
  const incache_binding abroad[] = {BINDING("x", x), BINDING("y", away)}, typed[] = {BINDING("x", whole), BINDING("y", y)};
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
  const incache_binding bindings[] = {BINDING("x", both), BINDING("out", both)};
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
      BUFFER("table", INCACHE_STATE, INCACHE_F32, 4, 3), BUFFER("index", INCACHE_INPUT, INCACHE_I32, 2, 1), BUFFER("out", INCACHE_OUTPUT, INCACHE_F32, 2, 3)};
  operation o = {.op = "gatherRows", .layer = "rows"};
  operand(&o, "table", 0, 4, 3);
  operand(&o, "index", 1, 2, 1);
  operand(&o, "out", 2, 2, 3);
  const incache_op op = as_op(&o);
  incache_plan *plan = NULL;
  incache_weights *weights = NULL;
  incache_executable *executable = NULL;
  incache_binding bindings[3];
  expect_ok(incache_plan_create("gather", table, 3, &op, 1, &plan), "create");
  expect_ok(incache_weights_create(device, &weights), "weights");
  for (int i = 0; i < 3; i++) {
    bindings[i] = BINDING(table[i].name, NULL);
    expect_ok(incache_buffer_create(device, table[i].rows, table[i].columns, table[i].type, &bindings[i].buffer), "buffer");
  }
  expect_ok(incache_executable_create(device, plan, weights, bindings, 3, &executable), "bind");
  static const int32_t wrong[][2] = {{0, 4}, {-1, 0}, {0, INT32_MIN}}, right[2] = {3, 0};
  for (int i = 0; i < 3; i++) {
    expect_ok(incache_buffer_write(bindings[1].buffer, wrong[i], INCACHE_I32, 2), "write");
    expect_refused(incache_executable_run(executable, NULL), INCACHE_BAD_VALUE, "gatherRows of rows: index ");
    expect(strstr(incache_last_error(), "; expected one from 0 to 3") != NULL, "the rows there are");
  }
  expect_ok(incache_buffer_write(bindings[1].buffer, right, INCACHE_I32, 2), "write");
  expect_ok(incache_executable_run(executable, NULL), "run");
  for (int i = 0; i < 3; i++) incache_buffer_destroy(bindings[i].buffer);
  incache_executable_destroy(executable);
  incache_weights_destroy(weights);
  incache_plan_destroy(plan);
  incache_device_close(device);
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
  return outcome();
}
