/*
 * Fuzz target: bytes that may be a plan. One that parses and is small is costed, given zeros as weights, bound and run.
 * CONTRIBUTING.md tells how to build and run it.
 */
#include <stdlib.h>
#include <string.h>

#include "target.h"

/* Beyond them a run takes more time than it is worth; the limits are not those of the library. */
static const uint64_t MOST_BYTES = 1 << 20;
static const double MOST_MACS = 1e7, MOST_TRAFFIC = 1 << 26;

enum { MOST_BUFFERS = 256 };

static incache_buffer_info buffer_of(const incache_plan *plan, uint64_t place) {
  incache_buffer_info info = {.size = sizeof info};
  if (incache_plan_buffer(plan, place, &info) != INCACHE_OK) abort();
  return info;
}

static int is_small(const incache_plan *plan) {
  const uint64_t count = incache_plan_buffers(plan);
  uint64_t bytes = 0;
  incache_cost cost = {.size = sizeof cost};
  if (incache_plan_cost(plan, &cost) != INCACHE_OK) abort();
  for (uint64_t place = 0; place < count; place++) {
    const incache_buffer_info info = buffer_of(plan, place);
    bytes += info.rows * info.columns * 4;
  }
  return count <= MOST_BUFFERS && bytes <= MOST_BYTES && cost.macs <= MOST_MACS && cost.bytes <= MOST_TRAFFIC;
}

/* The processor has no buffers of float16: such a plan must be refused, with a status, when it is bound. */
static int has_float16(const incache_plan *plan) {
  for (uint64_t place = 0; place < incache_plan_buffers(plan); place++)
    if (buffer_of(plan, place).type == INCACHE_F16) return 1;
  return 0;
}

static void load_zeros(incache_weights *weights, const incache_plan *plan) {
  uint64_t place = 0;
  while (incache_weights_missing(weights, plan, place, &place) == INCACHE_OK && place < incache_plan_buffers(plan)) {
    const incache_buffer_info info = buffer_of(plan, place);
    float *zeros = calloc(info.rows * info.columns, sizeof *zeros);
    if (incache_weights_load(weights, plan, place, zeros, INCACHE_F32, info.rows * info.columns) != INCACHE_OK) abort();
    free(zeros);
    place++;
  }
}

static uint64_t bind_all(const incache_plan *plan, incache_binding *bindings) {
  uint64_t bound = 0;
  for (uint64_t place = 0; place < incache_plan_buffers(plan); place++) {
    const incache_buffer_info info = buffer_of(plan, place);
    if (info.role == INCACHE_WEIGHT || info.role == INCACHE_TEMPORARY) continue;
    incache_binding *binding = &bindings[bound++];
    *binding = (incache_binding){sizeof *binding, info.name, NULL};
    const incache_type type = info.type == INCACHE_F16 ? INCACHE_BF16 : info.type;
    if (incache_buffer_create(device(), info.rows, info.columns, type, &binding->buffer) != INCACHE_OK) abort();
  }
  return bound;
}

/* Zeros are good indices but no lengths; ones are good lengths. */
static void write_ones(const incache_plan *plan, const incache_binding *bindings, uint64_t count) {
  for (uint64_t place = 0, i = 0; place < incache_plan_buffers(plan) && i < count; place++) {
    const incache_buffer_info info = buffer_of(plan, place);
    if (info.role == INCACHE_WEIGHT || info.role == INCACHE_TEMPORARY) continue;
    incache_buffer *buffer = bindings[i++].buffer;
    if (info.type != INCACHE_I32) continue;
    const uint64_t elements = info.rows * info.columns;
    int32_t *ones = malloc(elements * sizeof *ones);
    for (uint64_t j = 0; j < elements; j++) ones[j] = 1;
    if (incache_buffer_write(buffer, ones, INCACHE_I32, elements) != INCACHE_OK) abort();
    free(ones);
  }
}

static void run(const incache_plan *plan) {
  incache_weights *weights = NULL;
  incache_executable *executable = NULL;
  incache_binding bindings[MOST_BUFFERS];
  if (incache_weights_create(device(), &weights) != INCACHE_OK) abort();
  load_zeros(weights, plan);
  const uint64_t count = bind_all(plan, bindings);
  const incache_status status = incache_executable_create(device(), plan, weights, bindings, count, &executable);
  if (status != (has_float16(plan) ? INCACHE_BAD_ARGUMENT : INCACHE_OK)) abort();
  if (executable) {
    incache_executable_run(executable, NULL);
    write_ones(plan, bindings, count);
    incache_executable_run(executable, NULL);
  }
  for (uint64_t i = 0; i < count; i++) incache_buffer_destroy(bindings[i].buffer);
  incache_executable_destroy(executable);
  incache_weights_destroy(weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  incache_plan *plan = NULL;
  if (incache_plan_parse((const char *)data, size, &plan) != INCACHE_OK) {
    if (plan || !*incache_last_error()) abort();
    return 0;
  }
  if (is_small(plan)) run(plan);
  incache_plan_destroy(plan);
  return 0;
}
