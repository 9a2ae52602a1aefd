/* The tensors of a test: buffers, distinct numbers for each tensor, and NaN where an output is to be written. */
#ifndef INCACHE_TEST_TENSORS_H
#define INCACHE_TEST_TENSORS_H

#include "incache.h"

#define BUFFER(name, role, type, rows, columns) ((incache_buffer_info){sizeof(incache_buffer_info), name, role, type, rows, columns})
#define BINDING(name, buffer) ((incache_binding){sizeof(incache_binding), name, buffer})

/** Loads the weight at this place of the plan with number(3 + 11 * place) and those that follow, given as elements of the type. */
void load_weight(incache_weights *weights, const incache_plan *plan, uint64_t place, incache_type type);
/** Writes number(first), number(first + 1), ... to a buffer of float32. */
void fill(incache_buffer *buffer, uint64_t elements, uint64_t first);
/** Fills a buffer of float32 with NaN, which survives every sum. */
void poison(incache_buffer *buffer, uint64_t elements);

#endif
