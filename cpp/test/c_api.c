/* The C interface from C: a linear against float64, and every kind of misuse refused with a sentence. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "incache.h"

static int failures = 0;

static void expect(int holds, const char *what) {
  if (holds) return;
  failures++;
  fprintf(stderr, "failed: %s (last error: %s)\n", what, incache_last_error());
}

static void expect_refused(incache_status got, incache_status wanted, const char *part) {
  expect(got == wanted && strstr(incache_last_error(), part) != NULL, part);
}

enum { ROWS = 13, INPUTS = 37, OUTPUTS = 45 };

static const char *PLAN =
    "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"one\",\"buffers\":["
    "{\"name\":\"x\",\"role\":\"input\",\"type\":\"f32\",\"rows\":13,\"columns\":37},"
    "{\"name\":\"w\",\"role\":\"weight\",\"type\":\"f32\",\"rows\":45,\"columns\":37},"
    "{\"name\":\"y\",\"role\":\"output\",\"type\":\"f32\",\"rows\":13,\"columns\":45}],"
    "\"ops\":[{\"layer\":\"l\",\"op\":{\"op\":\"linear\",\"epilogue\":\"none\","
    "\"x\":{\"buffer\":0,\"row\":0,\"rows\":13,\"column\":0,\"columns\":37},"
    "\"weight\":{\"buffer\":1,\"row\":0,\"rows\":45,\"column\":0,\"columns\":37},"
    "\"out\":{\"buffer\":2,\"row\":0,\"rows\":13,\"column\":0,\"columns\":45}}}]}";

static float value(int i) { return (float)((i * 7919 % 1000) - 500) / 500.0f; }

static int read_weight(void *context, const char *name, uint64_t rows, uint64_t columns, float *values) {
  if (context || strcmp(name, "w") != 0 || rows != OUTPUTS || columns != INPUTS) return 1;
  for (int i = 0; i < OUTPUTS * INPUTS; i++) values[i] = value(i + 3);
  return 0;
}

static int refuse_weight(void *context, const char *name, uint64_t rows, uint64_t columns, float *values) {
  (void)context, (void)name, (void)rows, (void)columns, (void)values;
  return 1;
}

static void check_product(const float *x, const float *y) {
  double worst = 0;
  for (int m = 0; m < ROWS; m++)
    for (int n = 0; n < OUTPUTS; n++) {
      double sum = 0;
      for (int k = 0; k < INPUTS; k++) sum += (double)x[m * INPUTS + k] * (double)value(n * INPUTS + k + 3);
      const double error = fabs(sum - (double)y[m * OUTPUTS + n]);
      if (!(error <= worst)) worst = error;
    }
  expect(worst < 1e-5, "the product is that of float64");
}

static void run_linear(void) {
  incache_device *device = NULL;
  incache_weights *weights = NULL;
  incache_plan *plan = NULL;
  incache_buffer *buffers[2] = {NULL, NULL};
  incache_executable *executable = NULL;
  float x[ROWS * INPUTS], y[ROWS * OUTPUTS];
  for (int i = 0; i < ROWS * INPUTS; i++) x[i] = value(i);
  expect(incache_device_open("cpu", 2, &device) == INCACHE_OK, "open");
  expect(incache_device_threads(device) == 2, "threads");
  expect(incache_weights_create(device, &weights) == INCACHE_OK, "weights");
  expect(incache_plan_parse(PLAN, strlen(PLAN), &plan) == INCACHE_OK, "parse");
  expect(incache_buffer_create(device, ROWS, INPUTS, INCACHE_F32, &buffers[0]) == INCACHE_OK, "x");
  expect(incache_buffer_create(device, ROWS, OUTPUTS, INCACHE_F32, &buffers[1]) == INCACHE_OK, "y");
  const incache_binding bindings[2] = {{"x", buffers[0]}, {"y", buffers[1]}};
  expect_refused(incache_executable_create(device, plan, weights, refuse_weight, NULL, bindings, 2, &executable),
                 INCACHE_BAD_ARGUMENT, "weight 'w' of 45 x 37 was not given");
  expect_refused(incache_executable_create(device, plan, weights, read_weight, NULL, bindings, 1, &executable),
                 INCACHE_BAD_ARGUMENT, "no buffer is bound to 'y'");
  const incache_binding swapped[2] = {{"x", buffers[1]}, {"y", buffers[0]}};
  expect_refused(incache_executable_create(device, plan, weights, read_weight, NULL, swapped, 2, &executable),
                 INCACHE_BAD_ARGUMENT, "is 13 x 45; expected 13 x 37");
  expect(incache_executable_create(device, plan, weights, read_weight, NULL, bindings, 2, &executable) == INCACHE_OK, "bind");
  expect_refused(incache_buffer_write(buffers[0], x, 4), INCACHE_BAD_ARGUMENT, "bytes is 4; expected 1924");
  memset(y, 0xff, sizeof y);
  expect(incache_buffer_write(buffers[0], x, sizeof x) == INCACHE_OK, "write");
  expect(incache_buffer_write(buffers[1], y, sizeof y) == INCACHE_OK, "poison");
  /* Handles may go in any order: what the executable uses stays. */
  incache_plan_destroy(plan);
  incache_weights_destroy(weights);
  incache_device_close(device);
  incache_buffer_destroy(buffers[0]);
  expect(incache_executable_run(executable) == INCACHE_OK, "run");
  expect(incache_buffer_read(buffers[1], y, sizeof y) == INCACHE_OK, "read");
  check_product(x, y);
  incache_executable_destroy(executable);
  incache_buffer_destroy(buffers[1]);
}

/* Every truncation of a plan and every one-byte change of it is refused or is a plan; none is read past its end. */
static void damage_plan(void) {
  const size_t length = strlen(PLAN);
  for (size_t n = 0; n < length; n++) {
    char *text = malloc(n + 1);
    incache_plan *plan = NULL;
    memcpy(text, PLAN, n);
    expect(incache_plan_parse(text, n, &plan) == INCACHE_BAD_PLAN, "a truncated plan");
    free(text);
  }
  char *text = malloc(length);
  for (size_t at = 0; at < length; at++)
    for (int c = 1; c < 128; c += 3) {
      incache_plan *plan = NULL;
      memcpy(text, PLAN, length);
      text[at] = (char)c;
      incache_plan_parse(text, length, &plan);
      incache_plan_destroy(plan);
    }
  free(text);
}

static void misuse(void) {
  incache_device *device = NULL;
  incache_plan *plan = NULL;
  expect_refused(incache_device_open("cpu", 1, NULL), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_device_open("abacus", 1, &device), INCACHE_ABSENT, "device is 'abacus'");
  expect_refused(incache_device_open("cpu", 5000, &device), INCACHE_BAD_ARGUMENT, "threads is 5000");
  expect_refused(incache_buffer_create(NULL, 1, 1, INCACHE_F32, NULL), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_executable_run(NULL), INCACHE_BAD_ARGUMENT, "executable is null");
  expect_refused(incache_plan_parse("{}", 2, &plan), INCACHE_BAD_PLAN, "format is missing");
  const char *later = "{\"format\":\"incache-plan\",\"version\":2}";
  expect_refused(incache_plan_parse(later, strlen(later), &plan), INCACHE_BAD_PLAN, "of version 2;");
  incache_device_close(NULL);
  incache_buffer_destroy(NULL);
  incache_plan_destroy(NULL);
}

int main(void) {
  expect(incache_abi_version() == INCACHE_ABI_VERSION, "version");
  run_linear();
  damage_plan();
  misuse();
  return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
