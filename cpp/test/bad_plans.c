/* A plan that is wrong, as text or as structures, is refused with a status and a sentence, and fills nothing in. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "misuse.h"

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
    incache_buffer_info info;
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
static const incache_buffer_info PARTS[] = {
    {"x", INCACHE_INPUT, INCACHE_F32, 3, 5},  {"w", INCACHE_WEIGHT, INCACHE_F32, 7, 5},   {"y", INCACHE_OUTPUT, INCACHE_F32, 3, 7},
    {"i", INCACHE_INPUT, INCACHE_I32, 3, 1},  {"t", INCACHE_TEMPORARY, INCACHE_F32, 3, 5},
};
static const incache_op GOOD = {.op = "linear", .layer = "l", .x = {0, 0, 3, 0, 5}, .weight = {1, 0, 7, 0, 5}, .out = {2, 0, 3, 0, 7}};

static void refuse_ops(const incache_op *op, incache_status status, const char *part) {
  incache_plan *plan = UNTOUCHED;
  expect_refused(incache_plan_create("spoiled", PARTS, 5, op, 1, &plan), status, part);
  expect(plan == UNTOUCHED, "a plan that is refused fills nothing in");
}

static void plans_of_operations(void) {
  incache_op op = GOOD;
  const incache_factors no_factor = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
  incache_plan *plan = NULL;
  expect_ok(incache_plan_create("good", PARTS, 5, &GOOD, 1, &plan), "the plan that is spoiled below is good");
  incache_plan_destroy(plan);
  op.op = NULL;
  refuse_ops(&op, INCACHE_BAD_ARGUMENT, "ops[0].op is null");
  op.op = "knead";
  refuse_ops(&op, INCACHE_BAD_PLAN, "ops[0].op is 'knead'; expected an operation such as linear");
  op = GOOD, op.epilogue = "relu";
  refuse_ops(&op, INCACHE_BAD_PLAN, "is 'relu'; expected none, gelu, silu or gateResidual");
  op = GOOD, op.epilogue = "gateResidual";
  refuse_ops(&op, INCACHE_BAD_PLAN, "op 0 (linear of l): epilogue gateResidual needs gate and residual");
  op = GOOD, op.weight.rows = 0;
  refuse_ops(&op, INCACHE_BAD_PLAN, "op 0 (linear of l): weight is missing");
  op = GOOD, op.q = op.x;
  refuse_ops(&op, INCACHE_BAD_PLAN, "ops[0].q is a field that linear does not have");
  op = GOOD, op.factor_count = 1;
  refuse_ops(&op, INCACHE_BAD_ARGUMENT, "ops[0].factors is null");
  op = (incache_op){.op = "calibratedLinear", .x = GOOD.x, .factors = &no_factor, .factor_count = 1};
  refuse_ops(&op, INCACHE_BAD_PLAN, "a factor of no rows");
  op = (incache_op){.op = "attention", .q = GOOD.x, .k = GOOD.x, .v = GOOD.x, .heads = 1, .query_length = 3, .key_length = 3, .out = {4, 0, 3, 0, 5}};
  op.attention_scale = INFINITY;
  refuse_ops(&op, INCACHE_BAD_PLAN, "scale is inf; expected a positive number");
  op = GOOD, op.x.buffer = 9;
  refuse_ops(&op, INCACHE_BAD_PLAN, "x names buffer 9, of 5");
  op = GOOD, op.x.row = 1;
  refuse_ops(&op, INCACHE_BAD_PLAN, "x takes 3 rows from 1 of 'x', which has 3");
  op = GOOD, op.x.columns = ~(uint64_t)0;
  refuse_ops(&op, INCACHE_BAD_PLAN, "expected at most 2^30");
  op = GOOD, op.x = (incache_view){3, 0, 3, 0, 1};
  refuse_ops(&op, INCACHE_BAD_PLAN, "x is i32 ('i'); expected f32, bf16, f16");
  op = GOOD, op.x = (incache_view){4, 0, 3, 0, 5};
  refuse_ops(&op, INCACHE_BAD_PLAN, "x reads 't' before it is written");
  op = GOOD, op.out = (incache_view){1, 0, 3, 0, 5};
  refuse_ops(&op, INCACHE_BAD_PLAN, "out writes to 'w', which is a weight");
  op = GOOD, op.weight.columns = 4;
  refuse_ops(&op, INCACHE_BAD_PLAN, "weight has 4 columns; expected 5");
  op = GOOD, op.out.columns = 6;
  refuse_ops(&op, INCACHE_BAD_PLAN, "out is 3 x 6; expected 3 x 7");
  op = GOOD, op.store = op.out;
  refuse_ops(&op, INCACHE_BAD_PLAN, "overlaps");
  op = (incache_op){.op = "silu", .epilogue = "gelu", .x = {0, 0, 3, 0, 5}, .out = {4, 0, 3, 0, 5}};
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
  op = (incache_op){.op = "linearCombination", .term_count = 1, .out = {4, 0, 3, 0, 5}};
  refuse_ops(&op, INCACHE_BAD_ARGUMENT, "ops[0].terms is null");
  incache_term terms[5] = {{.coefficient = 1}};
  op.terms = terms;
  refuse_ops(&op, INCACHE_BAD_PLAN, "a term of no rows");
  for (int i = 0; i < 5; i++) terms[i] = (incache_term){{0, 0, 3, 0, 5}, 1};
  op.term_count = 5;
  refuse_ops(&op, INCACHE_BAD_PLAN, "terms has 5 of them; expected 1 to 4");
  op.term_count = 2, terms[1].coefficient = INFINITY;
  refuse_ops(&op, INCACHE_BAD_PLAN, "terms[1].coefficient is inf; expected a finite number");
  terms[1] = (incache_term){{0, 0, 3, 0, 4}, 1};
  refuse_ops(&op, INCACHE_BAD_PLAN, "terms[1].x is 3 x 4; expected 3 x 5");
  op.op = "silu", op.x = (incache_view){0, 0, 3, 0, 5};
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
  op = (incache_op){.op = "relativeDistance", .x = {0, 0, 3, 0, 5}, .previous = {0, 0, 3, 0, 5}, .norm = 3, .out = {4, 0, 1, 0, 1}};
  refuse_ops(&op, INCACHE_BAD_PLAN, "norm is 3; expected 1 or 2");
  op = (incache_op){.op = "silu", .epilogue = "gelu", .x = {0, 0, 3, 0, 5}, .out = {4, 0, 3, 0, 5}};
  op.epilogue = NULL, op.heads = 2;
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
  op.heads = 0, op.epsilon = 1e-6;
  refuse_ops(&op, INCACHE_BAD_PLAN, " is a field that silu does not have");
}

static void plans_of_buffers(void) {
  static const struct {
    incache_buffer_info buffer;
    incache_status status;
    const char *part;
  } cases[] = {
      {{NULL, INCACHE_INPUT, INCACHE_F32, 1, 1}, INCACHE_BAD_ARGUMENT, "buffers[1].name is null"},
      {{"x", INCACHE_INPUT, INCACHE_F32, 1, 1}, INCACHE_BAD_PLAN, "buffer 1 ('x'): the name is taken by another buffer"},
      {{"b", INCACHE_INPUT, INCACHE_F32, 0, 1}, INCACHE_BAD_PLAN, "buffer 1 ('b'): rows is 0; expected an integer from 1 to 2^30"},
      {{"b", INCACHE_INPUT, INCACHE_F32, 1 << 30, 1 << 30}, INCACHE_BAD_PLAN, "at most 2^36"},
      {{"b", INCACHE_INPUT, INCACHE_F32, ~(uint64_t)0, 1}, INCACHE_BAD_PLAN, "buffers[1].rows is 18446744073709551615; expected at most 2^30"},
      {{"b", INCACHE_STATE, INCACHE_I32, 1, 1}, INCACHE_BAD_PLAN, "only inputs may hold i32"},
      {{"b", INCACHE_WEIGHT, INCACHE_BF16, 1, 1}, INCACHE_BAD_PLAN, "only states and temporaries may hold bf16"},
      {{"b", INCACHE_WEIGHT, INCACHE_F16, 1, 1}, INCACHE_BAD_PLAN, "only states and temporaries may hold f16"},
      {{"b", INCACHE_TEMPORARY, INCACHE_E4M3, 1, 1}, INCACHE_BAD_PLAN, "only states may hold e4m3"},
      {{"b", INCACHE_STATE, (incache_type)5, 1, 1}, INCACHE_BAD_PLAN, "has an unknown role or type"},
      {{"b", (incache_role)50, INCACHE_F32, 1, 1}, INCACHE_BAD_PLAN, "has an unknown role or type"},
      {{"b", (incache_role)-1, INCACHE_F32, 1, 1}, INCACHE_BAD_PLAN, "has an unknown role or type"},
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
      incache_cost cost;
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
  plans_of_operations();
  plans_of_buffers();
  damaged_plans();
  return outcome();
}
