/* A plan that is wrong, as text or as structures, is refused with a status and a sentence, and fills nothing in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "misuse.h"
#include "operation.h"

static void refuse_plan(const char *text, const char *part) {
  incache_plan *plan = UNTOUCHED;
  expect_refused(incache_plan_parse(text, strlen(text), &plan), INCACHE_BAD_PLAN, part);
  expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
}

static void plans_as_text(void) {
  refuse_plan("", "not JSON: expected a value at byte 0");
  refuse_plan("{}", "format is missing");
  refuse_plan("[1]", "the file is not an object");
  refuse_plan("{\"format\":\"tea\",\"version\":1}", "format is not 'incache-plan'");
  refuse_plan("{\"format\":\"incache-plan\",\"version\":2}", "it is of version 2; this library reads version 1");
  refuse_plan("{\"format\":\"incache-plan\",\"version\":1.5}", "version is 1.5");
  refuse_plan("{\"format\":\"incache-plan\",\"version\":1,\"name\":\"n\",\"buffers\":[],\"ops\":[{\"layer\":\"\",\"op\":{\"op\":\"knead\"}}]}",
              "ops[0].op is 'knead'; expected an operation such as linear");
  refuse_plan("{\"a\":1,\"a\":2}", "a name given twice");
  refuse_plan("{\"a\":1e999}", "a number out of range");
  refuse_plan("{\"a\":\"\\q\"}", "an unknown escape");
  refuse_plan("{\"a\":\"\\u0000\"}", "the character 0 in a string");
  refuse_plan("{\"a\":007}", "a number that begins with 0");
  refuse_plan("{\"a\":-01}", "a number that begins with 0");
  refuse_plan("{\"a\":1.}", "expected a digit after the point");
  refuse_plan("{\"a\":1e+}", "expected a digit of the exponent");
  refuse_plan("{\"a\":.5}", "expected a value");
  refuse_plan("{\"a\":\"\\ud83d\"}", "half of a surrogate pair");
  refuse_plan("{\"a\":\"\\ude00\"}", "half of a surrogate pair");
  refuse_plan("{\"a\":\"\\ud83d\\u0041\"}", "half of a surrogate pair");
  refuse_plan("{\"a\":\"\xed\xa0\x80\"}", "a byte that is not UTF-8");
  refuse_plan("{\"a\":\"\xc0\xaf\"}", "a byte that is not UTF-8");
  refuse_plan("{\"a\":\"\xf0\x9f\"}", "a byte that is not UTF-8");
  char deep[200];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = 0;
  refuse_plan(deep, "nested too deeply");
}

/* A name outside of the basic plane, once in two escapes and once as it is: both are four bytes of UTF-8. */
static void names_in_unicode(void) {
  static const char *names[] = {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"};
  for (int i = 0; i < 2; i++) {
    char text[256];
    incache_plan *plan = NULL;
    incache_buffer_info info = {.size = sizeof info};
    snprintf(text, sizeof text,
             "{\"format\":\"incache-plan\",\"version\":1,\"name\":\"n\",\"ops\":[],\"buffers\":[{\"name\":\"%s\",\"role\":\"input\","
             "\"type\":\"f32\",\"rows\":1,\"columns\":1}]}",
             names[i]);
    expect_ok(incache_plan_parse(text, strlen(text), &plan), text);
    expect_ok(incache_plan_buffer(plan, 0, &info), "its buffer");
    expect(strcmp(info.name, "\xf0\x9f\x98\x80") == 0, "the name is UTF-8");
    incache_plan_destroy(plan);
  }
}

/* Buffers of the plan below, which a test spoils one thing of. */
#define PART(name, role, type, rows, columns) {sizeof(incache_buffer_info), name, role, type, rows, columns}
static const incache_buffer_info PARTS[] = {
    PART("x", INCACHE_INPUT, INCACHE_F32, 3, 5),     PART("w", INCACHE_WEIGHT, INCACHE_F32, 7, 5), PART("y", INCACHE_OUTPUT, INCACHE_F32, 3, 7),
    PART("i", INCACHE_INPUT, INCACHE_I32, 3, 1), PART("t", INCACHE_TEMPORARY, INCACHE_F32, 3, 5),
};

/* A linear that is good: its operands are x, weight and out, its attribute the epilogue. */
static operation good(void) {
  operation o = {.op = "linear", .layer = "l"};
  operand(&o, "x", 0, 3, 5);
  operand(&o, "weight", 1, 7, 5);
  operand(&o, "out", 2, 3, 7);
  set_text(&o, "epilogue", "none");
  return o;
}

static operation unary(const char *op) {
  operation o = {.op = op};
  operand(&o, "x", 0, 3, 5);
  operand(&o, "out", 4, 3, 5);
  return o;
}

static void refuse_op(incache_op op, incache_status status, const char *part) {
  incache_plan *plan = UNTOUCHED;
  expect_refused(incache_plan_create("spoiled", PARTS, 5, &op, 1, &plan), status, part);
  expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
}

static void refuse(const operation *o, const char *part) { refuse_op(as_op(o), INCACHE_BAD_PLAN, part); }

static void names_of_operations(void) {
  operation o = good();
  incache_plan *plan = NULL;
  const incache_op op = as_op(&o);
  expect_ok(incache_plan_create("good", PARTS, 5, &op, 1, &plan), "the plan that is spoiled below is good");
  incache_plan_destroy(plan);
  o.op = NULL;
  refuse_op(as_op(&o), INCACHE_BAD_ARGUMENT, "ops[0].op is null");
  o.op = "knead";
  refuse(&o, "ops[0].op is 'knead'; expected an operation such as linear");
  o = good(), o.operands[1].name = NULL;
  refuse_op(as_op(&o), INCACHE_BAD_ARGUMENT, "ops[0]: the name of an operand is null");
  o = good(), o.attributes[0].name = NULL;
  refuse_op(as_op(&o), INCACHE_BAD_ARGUMENT, "ops[0]: the name of an attribute is null");
  o = good(), o.operand_count = 2;
  refuse(&o, "ops[0].out is missing");
  o = good(), o.attribute_count = 0;
  refuse(&o, "ops[0].epilogue is missing");
  o = good(), operand(&o, "q", 0, 3, 5);
  refuse(&o, "ops[0].q is a field that linear does not have");
  o = good(), set_number(&o, "heads", 2);
  refuse(&o, "ops[0].heads is a field that linear does not have");
  o = good(), operand(&o, "x", 0, 3, 5);
  refuse(&o, "ops[0].x is given twice");
  o = good(), set_text(&o, "op", "silu");
  refuse(&o, "ops[0].op is given twice");
  o = unary("silu"), set_text(&o, "epilogue", "gelu");
  refuse(&o, "ops[0].epilogue is a field that silu does not have");
}

static void kinds_of_fields(void) {
  operation o = good();
  o.attributes[0].text = "relu";
  refuse(&o, "is 'relu'; expected none, gelu, geluErf, geluQuick, silu, gate or gateResidual");
  o = good(), o.attributes[0].text = NULL;
  refuse(&o, "ops[0].epilogue is not a string");
  o = good(), o.operands[0].name = "epilogue", o.attributes[0].name = "x";
  refuse(&o, "ops[0].x is not an object");
  o = unary("norm"), set_text(&o, "span", "one");
  refuse(&o, "ops[0].kind is missing");
  set_text(&o, "kind", "layer");
  refuse(&o, "ops[0].span is not a number");
  o = good(), o.attributes[0].text = "gateResidual";
  refuse(&o, "op 0 (linear of l): epilogue gateResidual needs gate and residual");
  o = (operation){.op = "attention"};
  for (const char *name = "qkv"; *name; name++) operand(&o, name[0] == 'q' ? "q" : name[0] == 'k' ? "k" : "v", 0, 3, 5);
  operand(&o, "out", 4, 3, 5);
  set_number(&o, "heads", 1.5), set_number(&o, "queryLength", 3), set_number(&o, "keyLength", 3), set_number(&o, "scale", INFINITY);
  refuse(&o, "ops[0].heads is 1.5; expected an integer from 0 to 2^30");
  o.attributes[0].number = 1;
  refuse(&o, "scale is inf; expected a positive number");
  o = (operation){.op = "relativeDistance"};
  operand(&o, "x", 0, 3, 5), operand(&o, "previous", 0, 3, 5), operand(&o, "out", 4, 1, 1), set_number(&o, "norm", 3);
  refuse(&o, "norm is 3; expected 1 or 2");
}

static void views_of_operands(void) {
  operation o = good();
  o.operands[1].rows = 0;
  refuse(&o, "weight takes 0 rows from 0 of 'w', which has 7");
  o = good(), o.operands[0].buffer = 9;
  refuse(&o, "x names buffer 9, of 5");
  o = good(), o.operands[0].row = 1;
  refuse(&o, "x takes 3 rows from 1 of 'x', which has 3");
  o = good(), o.operands[0].columns = ~(uint64_t)0;
  refuse(&o, "ops[0].x.columns is 1.84467440737096e+19; expected an integer from 0 to 2^30");
  o = good(), o.operands[0].buffer = 3, o.operands[0].columns = 1;
  refuse(&o, "x is i32 ('i'); expected f32, bf16, f16");
  o = good(), o.operands[0].buffer = 4;
  refuse(&o, "x reads 't' before it is written");
  o = good(), o.operands[2].buffer = 1, o.operands[2].columns = 5;
  refuse(&o, "out writes to 'w', which is a weight");
  o = good(), o.operands[1].columns = 4;
  refuse(&o, "weight has 4 columns; expected 5");
  o = good(), o.operands[2].columns = 6;
  refuse(&o, "out is 3 x 6; expected 3 x 7");
  o = good(), operand(&o, "store", 2, 3, 7);
  refuse(&o, "overlaps");
}

static operation combination(int terms) {
  static const char *views[] = {"terms[0].x", "terms[1].x", "terms[2].x", "terms[3].x", "terms[4].x"};
  static const char *numbers[] = {"terms[0].coefficient", "terms[1].coefficient", "terms[2].coefficient", "terms[3].coefficient", "terms[4].coefficient"};
  operation o = {.op = "linearCombination"};
  operand(&o, "out", 4, 3, 5);
  for (int i = 0; i < terms; i++) operand(&o, views[i], 0, 3, 5), set_number(&o, numbers[i], 1);
  return o;
}

static void items_of_lists(void) {
  operation o = combination(0);
  refuse(&o, "ops[0].terms is missing");
  o = combination(5);
  refuse(&o, "terms has 5 of them; expected 1 to 4");
  o = combination(2), o.attributes[1].number = INFINITY;
  refuse(&o, "terms[1].coefficient is inf; expected a finite number");
  o = combination(2), o.operands[2].columns = 4;
  refuse(&o, "terms[1].x is 3 x 4; expected 3 x 5");
  o = combination(2), o.operands[1].name = "terms[1].x";
  refuse(&o, "ops[0].terms[1].x is given twice");
  o = combination(3), o.operands[1].name = "x";
  refuse(&o, "ops[0].x is a field that linearCombination does not have");
  o = combination(3), o.operands[1].name = "terms[0].y";
  refuse(&o, "ops[0].terms[0].y is a field that linearCombination does not have");
  o = combination(2), o.attributes[0].name = "terms[2].coefficient";
  refuse(&o, "ops[0].terms[0].coefficient is missing");
  o = combination(1), operand(&o, "terms", 0, 3, 5);
  refuse(&o, "ops[0].terms is given twice");
  static const char *names[] = {"terms[4000000000].x", "terms[3].x", "terms[].x", "terms[-1].x", "terms[0x", "terms[0]x", "].terms[0", "terms[99999999999999999999].x"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    o = combination(1), o.operands[1].name = names[i];
    refuse(&o, "is no name of a field; expected one such as x or factors[0].down");
  }
}

/* A caller of an older header gives less, one of a newer header more. */
static void sizes_of_structs(void) {
  operation o = good();
  incache_op op = as_op(&o);
  op.size = 0;
  refuse_op(op, INCACHE_BAD_ARGUMENT, "ops[0].size is 0; expected the struct's, ");
  op.size = (size_t)-1;
  refuse_op(op, INCACHE_BAD_ARGUMENT, "ops[0].size is 18446744073709551615; expected the struct's, ");
  o.operands[1].size = 8;
  refuse_op(as_op(&o), INCACHE_BAD_ARGUMENT, "ops[0].operands[1].size is 8; expected ");
  o = good(), o.operands[1].size += 8;
  refuse_op(as_op(&o), INCACHE_BAD_ARGUMENT, "ops[0].operands[1]");
  o = good(), o.attributes[0].size--;
  refuse_op(as_op(&o), INCACHE_BAD_ARGUMENT, "ops[0].attributes[0].size is ");

  struct {
    incache_op op;
    uint64_t later;
  } newer = {as_op(&o), 0};
  incache_plan *plan = NULL;
  o = good(), newer.op.size = sizeof newer;
  expect_ok(incache_plan_create("newer", PARTS, 5, &newer.op, 1, &plan), "a field of a later version that is zero");
  incache_plan_destroy(plan);
  newer.later = 1, plan = UNTOUCHED;
  expect_refused(incache_plan_create("newer", PARTS, 5, &newer.op, 1, &plan), INCACHE_BAD_ARGUMENT,
                 "ops[0] has fields that this library does not know; expected them to be zero");
  expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");

  struct {
    incache_cost cost;
    uint64_t later;
  } cost = {{.size = sizeof cost}, 7};
  incache_buffer_info unset = {.size = 3};
  expect_ok(incache_plan_parse(PLAN, strlen(PLAN), &plan), "parse");
  expect_ok(incache_plan_cost(plan, &cost.cost), "cost");
  expect(cost.cost.macs == 3 * 5 * 7 && cost.later == 0, "what only a later header has is filled with zeros");
  expect_refused(incache_plan_buffer(plan, 0, &unset), INCACHE_BAD_ARGUMENT, "info.size is 3; expected the struct's, ");
  expect(unset.name == NULL, "a struct of no size is left as it was");
  incache_plan_destroy(plan);
}

static void plans_of_buffers(void) {
  static const struct {
    incache_buffer_info buffer;
    incache_status status;
    const char *part;
  } cases[] = {
      {PART(NULL, INCACHE_INPUT, INCACHE_F32, 1, 1), INCACHE_BAD_ARGUMENT, "buffers[1].name is null"},
      {PART("x", INCACHE_INPUT, INCACHE_F32, 1, 1), INCACHE_BAD_PLAN, "buffer 1 ('x'): the name is taken by another buffer"},
      {PART("b", INCACHE_INPUT, INCACHE_F32, 0, 1), INCACHE_BAD_PLAN, "buffer 1 ('b'): rows is 0; expected an integer from 1 to 2^30"},
      {PART("b", INCACHE_INPUT, INCACHE_F32, 1 << 30, 1 << 30), INCACHE_BAD_PLAN, "at most 2^36"},
      {PART("b", INCACHE_INPUT, INCACHE_F32, ~(uint64_t)0, 1), INCACHE_BAD_PLAN, "buffers[1].rows is 1.84467440737096e+19; expected an integer from 0 to 2^30"},
      {PART("b", INCACHE_STATE, INCACHE_I32, 1, 1), INCACHE_BAD_PLAN, "only inputs may hold i32"},
      {PART("b", INCACHE_WEIGHT, INCACHE_BF16, 1, 1), INCACHE_BAD_PLAN, "only states and temporaries may hold bf16"},
      {PART("b", INCACHE_WEIGHT, INCACHE_F16, 1, 1), INCACHE_BAD_PLAN, "only states and temporaries may hold f16"},
      {PART("b", INCACHE_TEMPORARY, INCACHE_E4M3, 1, 1), INCACHE_BAD_PLAN, "only states may hold e4m3"},
      {PART("b", INCACHE_STATE, (incache_type)5, 1, 1), INCACHE_BAD_PLAN, "buffers[1].type is 5, which is unknown"},
      {PART("b", (incache_role)50, INCACHE_F32, 1, 1), INCACHE_BAD_PLAN, "buffers[1].role is 50, which is unknown"},
      {PART("b", (incache_role)-1, INCACHE_F32, 1, 1), INCACHE_BAD_PLAN, "buffers[1].role is -1, which is unknown"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const incache_buffer_info both[] = {PARTS[0], cases[i].buffer};
    incache_plan *plan = UNTOUCHED;
    expect_refused(incache_plan_create("spoiled", both, 2, NULL, 0, &plan), cases[i].status, cases[i].part);
    expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
  }
}

/* Every truncation is refused; a changed byte is refused, or it is another plan. None is read past its end. */
static void damaged_plans(void) {
  const size_t length = strlen(PLAN);
  for (size_t some = 0; some < length; some++) {
    /* Not one byte more, so that an address sanitizer sees a read past the end. */
    char *text = allocate(some + (some == 0));
    incache_plan *plan = UNTOUCHED;
    memcpy(text, PLAN, some);
    expect(incache_plan_parse(text, some, &plan) == INCACHE_BAD_PLAN && plan == UNTOUCHED, "a truncated plan is refused");
    free(text);
  }
  char *text = allocate(length);
  for (size_t at = 0; at < length; at++)
    for (int byte = 0; byte < 256; byte += 3) {
      incache_plan *plan = NULL;
      incache_cost cost = {.size = sizeof cost};
      memcpy(text, PLAN, length);
      text[at] = (char)byte;
      const incache_status status = incache_plan_parse(text, length, &plan);
      expect(status == INCACHE_OK || (status == INCACHE_BAD_PLAN && !plan && *incache_last_error()), "a changed plan is refused or is one");
      if (plan) expect_ok(incache_plan_cost(plan, &cost), "cost");
      incache_plan_destroy(plan);
    }
  free(text);
}

int main(void) {
  plans_as_text();
  names_in_unicode();
  names_of_operations();
  kinds_of_fields();
  views_of_operands();
  items_of_lists();
  sizes_of_structs();
  plans_of_buffers();
  damaged_plans();
  return outcome();
}
