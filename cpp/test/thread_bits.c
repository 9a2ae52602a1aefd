/* The bits of an output do not depend on the number of threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "operation.h"
#include "tensors.h"

/* A plan under construction; the last buffer is the output. */
typedef struct table {
  incache_buffer_info buffers[16];
  char names[16][8];
  uint64_t count;
} table;

/* Adds a buffer, as the operand of this name. */
static void add(table *t, operation *o, const char *name, incache_role role, uint64_t rows, uint64_t columns) {
  const uint64_t place = t->count++;
  snprintf(t->names[place], sizeof t->names[place], "b%u", (unsigned)place);
  t->buffers[place] = BUFFER(t->names[place], role, INCACHE_F32, rows, columns);
  operand(o, name, place, rows, columns);
}

/* The output of the one operation, on so many threads. */
static float *result(const table *t, const operation *o, uint32_t threads, incache_type precision) {
  incache_device *device = open_device(threads, precision);
  incache_plan *plan = NULL;
  incache_weights *weights = NULL;
  incache_executable *executable = NULL;
  incache_binding bindings[16];
  uint64_t bound = 0;
  const incache_op op = as_op(o);
  expect_ok(incache_plan_create(o->op, t->buffers, t->count, &op, 1, &plan), o->op);
  expect_ok(incache_weights_create(device, &weights), "weights");
  for (uint64_t place = 0; place < t->count; place++) {
    const incache_buffer_info *info = &t->buffers[place];
    const uint64_t elements = info->rows * info->columns;
    if (info->role == INCACHE_WEIGHT) {
      load_weight(weights, plan, place, INCACHE_F32);
      continue;
    }
    incache_binding *binding = &bindings[bound++];
    *binding = BINDING(info->name, NULL);
    expect_ok(incache_buffer_create(device, info->rows, info->columns, INCACHE_F32, &binding->buffer), "buffer");
    if (info->role == INCACHE_OUTPUT)
      poison(binding->buffer, elements);
    else
      fill(binding->buffer, elements, 5 * place);
  }
  expect_ok(incache_executable_create(device, plan, weights, bindings, bound, &executable), o->op);
  expect_ok(incache_executable_run(executable, NULL), o->op);
  const incache_buffer_info *last = &t->buffers[t->count - 1];
  float *out = allocate(last->rows * last->columns * 4);
  expect_ok(incache_buffer_read(bindings[bound - 1].buffer, out, INCACHE_F32, last->rows * last->columns), "read");
  for (uint64_t i = 0; i < bound; i++) incache_buffer_destroy(bindings[i].buffer);
  incache_executable_destroy(executable);
  incache_weights_destroy(weights);
  incache_plan_destroy(plan);
  incache_device_close(device);
  return out;
}

static void compare_threads(const table *t, const operation *o) {
  const incache_buffer_info *last = &t->buffers[t->count - 1];
  const uint64_t elements = last->rows * last->columns;
  for (int bf16 = 0; bf16 < 2; bf16++) {
    float *one = result(t, o, 1, bf16 ? INCACHE_BF16 : INCACHE_F32);
    for (uint64_t i = 0; i < elements; i++)
      if (!isfinite(one[i])) {
        expect(0, "a number at every place of the output");
        break;
      }
    for (uint32_t threads = 2; threads <= 3; threads++) {
      float *more = result(t, o, threads, bf16 ? INCACHE_BF16 : INCACHE_F32);
      if (memcmp(one, more, elements * 4) != 0) {
        fprintf(stderr, "%s to %u x %u on %u threads%s\n", o->op, (unsigned)last->rows, (unsigned)last->columns, threads, bf16 ? ", bf16" : "");
        expect(0, "the same bits");
      }
      free(more);
    }
    free(one);
  }
}

static uint64_t odd(uint32_t most) { return 1 + 2 * random_below(most / 2); }

static void threads_linear(void) {
  table t = {.count = 0};
  const uint64_t rows = odd(200), inputs = odd(90), outputs = odd(120);
  operation o = {.op = "linear"};
  set_text(&o, "epilogue", "gelu");
  add(&t, &o, "x", INCACHE_INPUT, rows, inputs);
  add(&t, &o, "weight", INCACHE_WEIGHT, outputs, inputs);
  add(&t, &o, "bias", INCACHE_WEIGHT, 1, outputs);
  add(&t, &o, "out", INCACHE_OUTPUT, rows, outputs);
  compare_threads(&t, &o);
}

static void threads_calibrated_linear(int rank_form) {
  table t = {.count = 0};
  const uint64_t rows = odd(200), inputs = odd(90), outputs[2] = {odd(80), odd(60)}, ranks[2] = {odd(40), odd(20)};
  operation o = {.op = "calibratedLinear"};
  set_text(&o, "epilogue", "silu");
  add(&t, &o, "x", INCACHE_INPUT, rows, inputs);
  for (int i = 0; i < 2; i++) {
    add(&t, &o, i ? "factors[1].down" : "factors[0].down", INCACHE_WEIGHT, ranks[i], inputs);
    add(&t, &o, i ? "factors[1].up" : "factors[0].up", INCACHE_WEIGHT, outputs[i], ranks[i]);
  }
  if (rank_form)
    add(&t, &o, "cachedHidden", INCACHE_STATE, rows, ranks[0] + ranks[1]);
  else
    add(&t, &o, "cachedInput", INCACHE_STATE, rows, inputs);
  add(&t, &o, "cachedOutput", INCACHE_STATE, rows, outputs[0] + outputs[1]);
  add(&t, &o, "out", INCACHE_OUTPUT, rows, outputs[0] + outputs[1]);
  compare_threads(&t, &o);
}

static void threads_calibrated_mlp(int rank_form) {
  table t = {.count = 0};
  const uint64_t rows = odd(200), inputs = odd(60), hidden = odd(420), outputs = odd(60), ranks[2] = {odd(40), odd(40)};
  operation o = {.op = "calibratedMlp"};
  set_text(&o, "epilogue", "none");
  add(&t, &o, "x", INCACHE_INPUT, rows, inputs);
  add(&t, &o, "factors[0].down", INCACHE_WEIGHT, ranks[0], inputs);
  add(&t, &o, "factors[0].up", INCACHE_WEIGHT, hidden, ranks[0]);
  add(&t, &o, "factors[1].down", INCACHE_WEIGHT, ranks[1], hidden);
  add(&t, &o, "factors[1].up", INCACHE_WEIGHT, outputs, ranks[1]);
  if (rank_form)
    add(&t, &o, "cachedHidden", INCACHE_STATE, rows, ranks[0]);
  else
    add(&t, &o, "cachedInput", INCACHE_STATE, rows, inputs);
  add(&t, &o, "cachedPreActivation", INCACHE_STATE, rows, hidden);
  add(&t, &o, "cachedOutput", INCACHE_STATE, rows, outputs);
  add(&t, &o, "out", INCACHE_OUTPUT, rows, outputs);
  compare_threads(&t, &o);
}

static void threads_attention(void) {
  table t = {.count = 0};
  const uint64_t images = 1 + random_below(3), heads = 1 + random_below(3), width = odd(40), queries = odd(150), keys = odd(700);
  operation o = {.op = "attention"};
  set_number(&o, "scale", 0.25);
  set_number(&o, "heads", (double)heads);
  set_number(&o, "queryLength", (double)queries);
  set_number(&o, "keyLength", (double)keys);
  add(&t, &o, "q", INCACHE_INPUT, images * queries, heads * width);
  add(&t, &o, "k", INCACHE_INPUT, images * keys, heads * width);
  add(&t, &o, "v", INCACHE_INPUT, images * keys, heads * width);
  add(&t, &o, "out", INCACHE_OUTPUT, images * queries, heads * width);
  compare_threads(&t, &o);
}

static void threads_combination(void) {
  table t = {.count = 0};
  const uint64_t rows = odd(300), columns = odd(700);
  operation o = {.op = "linearCombination"};
  set_number(&o, "terms[0].coefficient", 1);
  set_number(&o, "terms[1].coefficient", -0.3);
  set_number(&o, "terms[2].coefficient", 7);
  add(&t, &o, "terms[0].x", INCACHE_INPUT, rows, columns);
  add(&t, &o, "terms[1].x", INCACHE_INPUT, rows, columns);
  add(&t, &o, "terms[2].x", INCACHE_INPUT, rows, columns);
  add(&t, &o, "out", INCACHE_OUTPUT, rows, columns);
  compare_threads(&t, &o);
}

static void threads_distance(void) {
  table t = {.count = 0};
  const uint64_t rows = odd(300), columns = odd(700);
  operation o = {.op = "relativeDistance"};
  set_number(&o, "norm", 2);
  add(&t, &o, "x", INCACHE_INPUT, rows, columns);
  add(&t, &o, "previous", INCACHE_STATE, rows, columns);
  add(&t, &o, "out", INCACHE_OUTPUT, 1, 1);
  compare_threads(&t, &o);
}

int main(void) {
  for (int i = 0; i < 6; i++) {
    threads_linear();
    threads_calibrated_linear(i % 2);
    threads_calibrated_mlp(i % 2);
    threads_attention();
    threads_combination();
    threads_distance();
  }
  return outcome();
}
