#include "operation.h"

#include "expect.h"

incache_operand *operand(operation *o, const char *name, uint64_t buffer, uint64_t rows, uint64_t columns) {
  expect(o->operand_count < MOST_FIELDS, "room for an operand");
  incache_operand *added = &o->operands[o->operand_count++];
  *added = (incache_operand){sizeof *added, name, buffer, 0, rows, 0, columns, 0, 0};
  return added;
}

static void attribute(operation *o, const char *name, const char *text, double value) {
  expect(o->attribute_count < MOST_FIELDS, "room for an attribute");
  incache_attribute *added = &o->attributes[o->attribute_count++];
  *added = (incache_attribute){sizeof *added, name, text, value};
}

void set_number(operation *o, const char *name, double value) { attribute(o, name, NULL, value); }

void set_text(operation *o, const char *name, const char *value) { attribute(o, name, value, 0); }

incache_op as_op(const operation *o) {
  return (incache_op){sizeof(incache_op), o->op, o->layer, o->operands, o->operand_count, o->attributes, o->attribute_count};
}
