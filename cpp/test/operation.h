/* An operation under construction, as the C interface takes it. */
#ifndef INCACHE_TEST_OPERATION_H
#define INCACHE_TEST_OPERATION_H

#include "incache.h"

enum { MOST_FIELDS = 16 };

typedef struct operation {
  const char *op, *layer;
  incache_operand operands[MOST_FIELDS];
  uint64_t operand_count;
  incache_attribute attributes[MOST_FIELDS];
  uint64_t attribute_count;
} operation;

/** Adds a whole buffer as an operand. The caller may change what is returned. */
incache_operand *operand(operation *o, const char *name, uint64_t buffer, uint64_t rows, uint64_t columns);
void set_number(operation *o, const char *name, double value);
void set_text(operation *o, const char *name, const char *value);
/** What is returned points into the operation, which must outlive it. */
incache_op as_op(const operation *o);

#endif
