/* The bits of an output do not depend on the number of threads. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "tensors.h"

/* A plan under construction; the last buffer is the output. */
typedef struct table {
  incache_buffer_info buffers[16];
  char names[16][8];
  uint64_t count;
} table;

static incache_view add(table *t, incache_role role, uint64_t rows, uint64_t columns) {
  const uint64_t place = t->count++;
  snprintf(t->names[place], sizeof t->names[place], "b%u", (unsigned)place);
  t->buffers[place] = (incache_buffer_info){t->names[place], role, INCACHE_F32, rows, columns};
  return whole(place, rows, columns);
}

/* The output of the one operation, on so many threads. */
static float *result(const table *t, const incache_op *op, uint32_t threads, incache_type precision) {
  incache_device *device = open_device(threads, precision);
  incache_plan *plan = NULL;
  incache_weights *weights = NULL;
  incache_executable *executable = NULL;
  incache_binding bindings[16];
  uint64_t bound = 0;
  expect_ok(incache_plan_create(op->op, t->buffers, t->count, op, 1, &plan), op->op);
  expect_ok(incache_weights_create(device, &weights), "weights");
  for (uint64_t place = 0; place < t->count; place++) {
    const incache_buffer_info *info = &t->buffers[place];
    const uint64_t elements = info->rows * info->columns;
    if (info->role == INCACHE_WEIGHT) {
      load_weight(weights, plan, place, INCACHE_F32);
      continue;
    }
    incache_binding *binding = &bindings[bound++];
    binding->name = info->name;
    expect_ok(incache_buffer_create(device, info->rows, info->columns, INCACHE_F32, &binding->buffer), "buffer");
    if (info->role == INCACHE_OUTPUT)
      poison(binding->buffer, elements);
    else
      fill(binding->buffer, elements, 5 * place);
  }
  expect_ok(incache_executable_create(device, plan, weights, bindings, bound, &executable), op->op);
  expect_ok(incache_executable_run(executable), op->op);
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

static void compare_threads(const table *t, const incache_op *op) {
  const incache_buffer_info *last = &t->buffers[t->count - 1];
  const uint64_t elements = last->rows * last->columns;
  for (int bf16 = 0; bf16 < 2; bf16++) {
    float *one = result(t, op, 1, bf16 ? INCACHE_BF16 : INCACHE_F32);
    for (uint64_t i = 0; i < elements; i++)
      if (!isfinite(one[i])) {
        expect(0, "a number at every place of the output");
        break;
      }
    for (uint32_t threads = 2; threads <= 3; threads++) {
      float *more = result(t, op, threads, bf16 ? INCACHE_BF16 : INCACHE_F32);
      if (memcmp(one, more, elements * 4) != 0) {
        fprintf(stderr, "%s to %u x %u on %u threads%s\n", op->op, (unsigned)last->rows, (unsigned)last->columns, threads, bf16 ? ", bf16" : "");
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
  incache_op op = {.op = "linear", .epilogue = "gelu"};
  op.x = add(&t, INCACHE_INPUT, rows, inputs);
  op.weight = add(&t, INCACHE_WEIGHT, outputs, inputs);
  op.bias = add(&t, INCACHE_WEIGHT, 1, outputs);
  op.out = add(&t, INCACHE_OUTPUT, rows, outputs);
  compare_threads(&t, &op);
}

static void threads_calibrated_linear(int rank_form) {
  table t = {.count = 0};
  const uint64_t rows = odd(200), inputs = odd(90), outputs[2] = {odd(80), odd(60)}, ranks[2] = {odd(40), odd(20)};
  incache_factors factors[2];
  incache_op op = {.op = "calibratedLinear", .epilogue = "silu", .factors = factors, .factor_count = 2};
  op.x = add(&t, INCACHE_INPUT, rows, inputs);
  for (int i = 0; i < 2; i++) {
    factors[i].down = add(&t, INCACHE_WEIGHT, ranks[i], inputs);
    factors[i].up = add(&t, INCACHE_WEIGHT, outputs[i], ranks[i]);
  }
  if (rank_form)
    op.cached_hidden = add(&t, INCACHE_STATE, rows, ranks[0] + ranks[1]);
  else
    op.cached_input = add(&t, INCACHE_STATE, rows, inputs);
  op.cached_output = add(&t, INCACHE_STATE, rows, outputs[0] + outputs[1]);
  op.out = add(&t, INCACHE_OUTPUT, rows, outputs[0] + outputs[1]);
  compare_threads(&t, &op);
}

static void threads_calibrated_mlp(int rank_form) {
  table t = {.count = 0};
  const uint64_t rows = odd(200), inputs = odd(60), hidden = odd(420), outputs = odd(60), ranks[2] = {odd(40), odd(40)};
  incache_factors factors[2];
  incache_op op = {.op = "calibratedMlp", .factors = factors, .factor_count = 2};
  op.x = add(&t, INCACHE_INPUT, rows, inputs);
  factors[0].down = add(&t, INCACHE_WEIGHT, ranks[0], inputs);
  factors[0].up = add(&t, INCACHE_WEIGHT, hidden, ranks[0]);
  factors[1].down = add(&t, INCACHE_WEIGHT, ranks[1], hidden);
  factors[1].up = add(&t, INCACHE_WEIGHT, outputs, ranks[1]);
  if (rank_form)
    op.cached_hidden = add(&t, INCACHE_STATE, rows, ranks[0]);
  else
    op.cached_input = add(&t, INCACHE_STATE, rows, inputs);
  op.cached_pre_activation = add(&t, INCACHE_STATE, rows, hidden);
  op.cached_output = add(&t, INCACHE_STATE, rows, outputs);
  op.out = add(&t, INCACHE_OUTPUT, rows, outputs);
  compare_threads(&t, &op);
}

static void threads_attention(void) {
  table t = {.count = 0};
  const uint64_t images = 1 + random_below(3), heads = 1 + random_below(3), width = odd(40), queries = odd(150), keys = odd(700);
  incache_op op = {.op = "attention", .attention_scale = 0.25, .heads = heads, .query_length = queries, .key_length = keys};
  op.q = add(&t, INCACHE_INPUT, images * queries, heads * width);
  op.k = add(&t, INCACHE_INPUT, images * keys, heads * width);
  op.v = add(&t, INCACHE_INPUT, images * keys, heads * width);
  op.out = add(&t, INCACHE_OUTPUT, images * queries, heads * width);
  compare_threads(&t, &op);
}

static void threads_combination(void) {
  table t = {.count = 0};
  const uint64_t rows = odd(300), columns = odd(700);
  incache_term terms[3] = {{.coefficient = 1}, {.coefficient = -0.3}, {.coefficient = 7}};
  incache_op op = {.op = "linearCombination", .terms = terms, .term_count = 3};
  for (int i = 0; i < 3; i++) terms[i].x = add(&t, INCACHE_INPUT, rows, columns);
  op.out = add(&t, INCACHE_OUTPUT, rows, columns);
  compare_threads(&t, &op);
}

static void threads_distance(void) {
  table t = {.count = 0};
  const uint64_t rows = odd(300), columns = odd(700);
  incache_op op = {.op = "relativeDistance", .norm = 2};
  op.x = add(&t, INCACHE_INPUT, rows, columns);
  op.previous = add(&t, INCACHE_STATE, rows, columns);
  op.out = add(&t, INCACHE_OUTPUT, 1, 1);
  compare_threads(&t, &op);
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
