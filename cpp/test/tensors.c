#include "tensors.h"

#include <stdlib.h>
#include <string.h>

#include "expect.h"

/* number(first), number(first + 1), ... as elements of the type; each is exact in all of them. */
static void *numbers(uint64_t count, uint64_t first, incache_type type) {
  void *memory = allocate(count * 4);
  for (uint64_t i = 0; i < count; i++) {
    const float value = number(first + i);
    uint32_t bits;
    memcpy(&bits, &value, 4);
    /* The exponent of float16 is biased by 15, not 127; no number but 0 is below what it holds. */
    const uint32_t half = (bits >> 16 & 0x8000u) | (value == 0 ? 0 : (bits >> 13 & 0x3ffffu) - (112u << 10));
    if (type == INCACHE_F32)
      ((float *)memory)[i] = value;
    else
      ((uint16_t *)memory)[i] = (uint16_t)(type == INCACHE_BF16 ? bits >> 16 : half);
  }
  return memory;
}

void load_weight(incache_weights *weights, const incache_plan *plan, uint64_t place, incache_type type) {
  incache_buffer_info info = {.size = sizeof info};
  expect_ok(incache_plan_buffer(plan, place, &info), "buffer");
  void *data = numbers(info.rows * info.columns, 3 + 11 * place, type);
  expect_ok(incache_weights_load(weights, plan, place, data, type, info.rows * info.columns), "load");
  free(data);
}

void fill(incache_buffer *buffer, uint64_t elements, uint64_t first) {
  float *values = numbers(elements, first, INCACHE_F32);
  expect_ok(incache_buffer_write(buffer, values, INCACHE_F32, elements), "write");
  free(values);
}

void poison(incache_buffer *buffer, uint64_t elements) {
  float *values = allocate(elements * 4);
  memset(values, 0xff, elements * 4);
  expect_ok(incache_buffer_write(buffer, values, INCACHE_F32, elements), "poison");
  free(values);
}
