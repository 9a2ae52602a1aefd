/* Plans that run: against float64, from every type of weight, with handles gone, and from several threads of the caller. */
#include <math.h>
#include <pthread.h>
#include <string.h>

#include "expect.h"
#include "operation.h"
#include "tensors.h"

/* Fits no panel, no strip and no vector. */
enum { ROWS = 13, INPUTS = 37, OUTPUTS = 45 };

static const char *LINEAR =
    "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"one\",\"buffers\":["
    "{\"name\":\"x\",\"role\":\"input\",\"type\":\"f32\",\"rows\":13,\"columns\":37},"
    "{\"name\":\"w\",\"role\":\"weight\",\"type\":\"f32\",\"rows\":45,\"columns\":37},"
    "{\"name\":\"y\",\"role\":\"output\",\"type\":\"f32\",\"rows\":13,\"columns\":45}],"
    "\"ops\":[{\"layer\":\"l\",\"op\":{\"op\":\"linear\",\"epilogue\":\"none\","
    "\"x\":{\"buffer\":0,\"row\":0,\"rows\":13,\"column\":0,\"columns\":37},"
    "\"weight\":{\"buffer\":1,\"row\":0,\"rows\":45,\"column\":0,\"columns\":37},"
    "\"out\":{\"buffer\":2,\"row\":0,\"rows\":13,\"column\":0,\"columns\":45}}}]}";

static incache_plan *parsed_linear(void) {
  incache_plan *plan = NULL;
  expect_ok(incache_plan_parse(LINEAR, strlen(LINEAR), &plan), "parse");
  return plan;
}

static incache_plan *created_linear(void) {
  const incache_buffer_info buffers[] = {
      BUFFER("x", INCACHE_INPUT, INCACHE_F32, ROWS, INPUTS),
      BUFFER("w", INCACHE_WEIGHT, INCACHE_F32, OUTPUTS, INPUTS),
      BUFFER("y", INCACHE_OUTPUT, INCACHE_F32, ROWS, OUTPUTS),
  };
  operation o = {.op = "linear", .layer = "l"};
  set_text(&o, "epilogue", "none");
  operand(&o, "x", 0, ROWS, INPUTS);
  operand(&o, "weight", 1, OUTPUTS, INPUTS);
  operand(&o, "out", 2, ROWS, OUTPUTS);
  const incache_op op = as_op(&o);
  incache_plan *plan = NULL;
  expect_ok(incache_plan_create("one", buffers, 3, &op, 1, &plan), "create");
  return plan;
}

static void check_product(const float *y) {
  double worst = 0;
  for (uint64_t m = 0; m < ROWS; m++)
    for (uint64_t n = 0; n < OUTPUTS; n++) {
      double sum = 0;
      for (uint64_t k = 0; k < INPUTS; k++) sum += (double)number(m * INPUTS + k) * (double)number(n * INPUTS + k + 3 + 11);
      const double error = fabs(sum - (double)y[m * OUTPUTS + n]);
      if (!(error <= worst)) worst = error;
    }
  expect(worst < 1e-5, "the product is that of float64");
}

/* ---- A linear, from all that it can be made of -------------------------------------------------------------------- */

/* Handles of a linear, in the order of the array that destroys them. */
typedef struct linear {
  incache_device *device;
  incache_plan *plan;
  incache_weights *weights;
  incache_buffer *x, *y;
  incache_executable *executable;
} linear;

static linear make_linear(incache_device *device, incache_plan *plan, incache_type type) {
  linear l = {.device = device, .plan = plan};
  uint64_t place = 0;
  expect_ok(incache_weights_create(device, &l.weights), "weights");
  expect_ok(incache_weights_missing(l.weights, plan, 0, &place), "missing");
  expect(place == 1, "the weight is missing before it is loaded");
  load_weight(l.weights, plan, 1, type);
  expect_ok(incache_weights_missing(l.weights, plan, 0, &place), "missing");
  expect(place == 3, "nothing is missing afterwards");
  expect(incache_weights_bytes(l.weights) > 0, "weights take memory");
  expect_ok(incache_buffer_create(device, ROWS, INPUTS, INCACHE_F32, &l.x), "x");
  expect_ok(incache_buffer_create(device, ROWS, OUTPUTS, INCACHE_F32, &l.y), "y");
  fill(l.x, ROWS * INPUTS, 0);
  poison(l.y, ROWS * OUTPUTS);
  const incache_binding bindings[] = {BINDING("x", l.x), BINDING("y", l.y)};
  expect_ok(incache_executable_create(device, plan, l.weights, bindings, 2, &l.executable), "bind");
  return l;
}

/* One of the handles that running does not need. */
static void destroy(linear *l, int which) {
  switch (which) {
    case 0:
      incache_device_close(l->device);
      return;
    case 1:
      incache_plan_destroy(l->plan);
      return;
    case 2:
      incache_weights_destroy(l->weights);
      return;
    default:
      incache_buffer_destroy(l->x);
  }
}

static void run_and_check(linear *l) {
  float y[ROWS * OUTPUTS];
  expect_ok(incache_executable_run(l->executable, NULL), "run");
  expect_ok(incache_buffer_read(l->y, y, INCACHE_F32, ROWS * OUTPUTS), "read");
  check_product(y);
}

static void test_types(void) {
  static const incache_type types[] = {INCACHE_F32, INCACHE_F16, INCACHE_BF16};
  /* The numbers are exact in bfloat16, so a device that multiplies in it gives the same product. */
  static const incache_type precisions[] = {INCACHE_F32, INCACHE_BF16};
  for (int parsed = 0; parsed < 2; parsed++)
    for (int type = 0; type < 3; type++)
      for (int precision = 0; precision < 2; precision++) {
        linear l = make_linear(open_device(2, precisions[precision]), parsed ? parsed_linear() : created_linear(), types[type]);
        run_and_check(&l);
        for (int which = 0; which < 4; which++) destroy(&l, which);
        incache_buffer_destroy(l.y);
        incache_executable_destroy(l.executable);
      }
}

/* Handles go in all 24 orders, every one but the last two before the run. */
static void test_lifetimes(void) {
  for (int order = 0; order < 24; order++) {
    linear l = make_linear(open_device(2, INCACHE_F32), parsed_linear(), INCACHE_F32);
    int left[] = {0, 1, 2, 3};
    for (int count = 4, code = order; count > 0; code /= count, count--) {
      const int chosen = code % count;
      destroy(&l, left[chosen]);
      left[chosen] = left[count - 1];
    }
    run_and_check(&l);
    if (order % 2) incache_buffer_destroy(l.y);
    incache_executable_destroy(l.executable);
    if (order % 2 == 0) incache_buffer_destroy(l.y);
  }
}

static void test_description(void) {
  incache_plan *plan = created_linear();
  incache_buffer_info info = {.size = sizeof info};
  incache_cost cost = {.size = sizeof cost};
  expect(incache_plan_buffers(plan) == 3, "three buffers");
  expect_ok(incache_plan_buffer(plan, 2, &info), "buffer");
  expect(strcmp(info.name, "y") == 0 && info.role == INCACHE_OUTPUT && info.type == INCACHE_F32, "y is an output of float32");
  expect(info.rows == ROWS && info.columns == OUTPUTS, "y has the size it was given");
  expect_ok(incache_plan_cost(plan, &cost), "cost");
  expect(cost.macs == ROWS * INPUTS * OUTPUTS, "multiply-accumulates");
  expect(cost.bytes == 4 * (ROWS * INPUTS + OUTPUTS * INPUTS + ROWS * OUTPUTS), "bytes");
  expect(cost.arena_bytes == 0, "no temporaries");
  incache_plan_destroy(plan);
}

/* Of a table only the rows that are asked for move. */
static void test_table_cost(void) {
  const incache_buffer_info buffers[] = {
      BUFFER("table", INCACHE_STATE, INCACHE_F32, 100, 7), BUFFER("index", INCACHE_INPUT, INCACHE_I32, 3, 1), BUFFER("out", INCACHE_OUTPUT, INCACHE_F32, 3, 7)};
  operation o = {.op = "gatherRows"};
  operand(&o, "table", 0, 100, 7);
  operand(&o, "index", 1, 3, 1);
  operand(&o, "out", 2, 3, 7);
  const incache_op op = as_op(&o);
  incache_plan *plan = NULL;
  incache_cost cost = {.size = sizeof cost};
  expect_ok(incache_plan_create("gather", buffers, 3, &op, 1, &plan), "create");
  expect_ok(incache_plan_cost(plan, &cost), "cost");
  expect(cost.bytes == 4 * (3 * 7 + 3 + 3 * 7), "three rows of the table are read");
  incache_plan_destroy(plan);
}

/* Three SiLUs through two temporaries, of which each is alive beside the other. */
static void test_arena(void) {
  const incache_buffer_info buffers[] = {
      BUFFER("x", INCACHE_INPUT, INCACHE_F32, ROWS, INPUTS),
      BUFFER("a", INCACHE_TEMPORARY, INCACHE_F32, ROWS, INPUTS),
      BUFFER("b", INCACHE_TEMPORARY, INCACHE_BF16, ROWS, INPUTS),
      BUFFER("y", INCACHE_OUTPUT, INCACHE_F32, ROWS, INPUTS),
  };
  operation silus[3] = {{.op = "silu"}, {.op = "silu"}, {.op = "silu"}};
  incache_op ops[3];
  for (uint64_t i = 0; i < 3; i++) {
    operand(&silus[i], "x", i, ROWS, INPUTS);
    operand(&silus[i], "out", i + 1, ROWS, INPUTS);
    ops[i] = as_op(&silus[i]);
  }
  incache_plan *plan = NULL;
  incache_cost cost = {.size = sizeof cost};
  expect_ok(incache_plan_create(NULL, buffers, 4, ops, 3, &plan), "create");
  expect_ok(incache_plan_cost(plan, &cost), "cost");
  const uint64_t a = (ROWS * INPUTS * 4 + 63) / 64 * 64, b = (ROWS * INPUTS * 2 + 63) / 64 * 64;
  expect(cost.arena_bytes == a + b, "the arena holds what is alive at once");
  expect(cost.macs == 0, "no products");
  incache_plan_destroy(plan);
}

/* ---- The same weight in several plans ------------------------------------------------------------------------------ */

static incache_plan *biased_linear(uint64_t inputs, uint64_t outputs) {
  const incache_buffer_info buffers[] = {
      BUFFER("x", INCACHE_INPUT, INCACHE_F32, 1, inputs),
      BUFFER("w", INCACHE_WEIGHT, INCACHE_F32, outputs, inputs),
      BUFFER("bias", INCACHE_WEIGHT, INCACHE_F32, 1, outputs),
      BUFFER("y", INCACHE_OUTPUT, INCACHE_F32, 1, outputs),
  };
  operation o = {.op = "linear"};
  set_text(&o, "epilogue", "none");
  operand(&o, "x", 0, 1, inputs);
  operand(&o, "weight", 1, outputs, inputs);
  operand(&o, "bias", 2, 1, outputs);
  operand(&o, "out", 3, 1, outputs);
  const incache_op op = as_op(&o);
  incache_plan *plan = NULL;
  expect_ok(incache_plan_create("biased", buffers, 4, &op, 1, &plan), "create");
  return plan;
}

/* A name that stands for a larger tensor in another plan is not the tensor that was loaded. */
static void test_shared_names(void) {
  incache_device *device = open_device(1, INCACHE_F32);
  incache_weights *weights = NULL;
  incache_plan *small = biased_linear(3, 5), *large = biased_linear(3, 5000);
  incache_buffer *x = NULL, *y = NULL;
  incache_executable *executable = NULL;
  uint64_t place = 0;
  expect_ok(incache_weights_create(device, &weights), "weights");
  load_weight(weights, small, 1, INCACHE_F32);
  load_weight(weights, small, 2, INCACHE_F32);
  expect_ok(incache_weights_missing(weights, small, 0, &place), "missing");
  expect(place == 4, "all of the small plan is there");
  load_weight(weights, large, 1, INCACHE_F32);
  expect_ok(incache_weights_missing(weights, large, 0, &place), "missing");
  expect(place == 2, "the larger bias is missing");
  expect_ok(incache_buffer_create(device, 1, 3, INCACHE_F32, &x), "x");
  expect_ok(incache_buffer_create(device, 1, 5000, INCACHE_F32, &y), "y");
  const incache_binding bindings[] = {BINDING("x", x), BINDING("y", y)};
  expect_refused(incache_executable_create(device, large, weights, bindings, 2, &executable), INCACHE_BAD_ARGUMENT,
                 "weight 'bias' of 1 x 5000 has not been loaded");
  expect_ok(incache_weights_release(weights, "bia"), "release");
  expect_ok(incache_weights_missing(weights, small, 0, &place), "missing");
  expect(place == 2, "what was released is missing");
  incache_buffer_destroy(x);
  incache_buffer_destroy(y);
  incache_plan_destroy(small);
  incache_plan_destroy(large);
  incache_weights_destroy(weights);
  incache_device_close(device);
}

/* ---- Threads of the caller ------------------------------------------------------------------------------------------ */

static void *run_many(void *given) {
  linear *l = given;
  float one;
  for (int i = 0; i < 50; i++) {
    poison(l->y, ROWS * OUTPUTS);
    run_and_check(l);
    /* The text of the last error is this thread's own. */
    expect_refused(incache_buffer_read(l->x, &one, INCACHE_F32, 1), INCACHE_BAD_ARGUMENT, "expected 481");
  }
  return NULL;
}

static void *load_many(void *given) {
  const linear *l = given;
  for (int i = 0; i < 50; i++) {
    expect_ok(incache_weights_release(l->weights, ""), "release");
    load_weight(l->weights, l->plan, 1, INCACHE_BF16);
  }
  return NULL;
}

/* Two executables and a loader, on one device of two threads. */
static void test_callers(void) {
  incache_device *device = open_device(2, INCACHE_F32);
  linear l[2];
  pthread_t threads[3];
  for (int i = 0; i < 2; i++) l[i] = make_linear(device, parsed_linear(), INCACHE_F32);
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, run_many, &l[i]);
  pthread_create(&threads[2], NULL, load_many, &l[0]);
  for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
  for (int i = 0; i < 2; i++) {
    for (int which = 1; which < 4; which++) destroy(&l[i], which);
    incache_buffer_destroy(l[i].y);
    incache_executable_destroy(l[i].executable);
  }
  incache_device_close(device);
}

int main(void) {
  expect(incache_abi_version() == INCACHE_ABI_VERSION, "the library is of the header's version");
  test_types();
  test_lifetimes();
  test_description();
  test_table_cost();
  test_arena();
  test_shared_names();
  test_callers();
  return outcome();
}
