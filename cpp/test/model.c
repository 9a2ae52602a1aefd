/* A model file: samples, restarts, and copies of it that are damaged. The path is the argument; without one nothing is tested. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

enum { CUTS = 200, CHANGES = 300 };

typedef struct subject {
  incache_device *device;
  incache_model *model;
  incache_model_info info;
  int32_t *labels, most;
  incache_input input;
  uint64_t elements;
} subject;

static subject open_subject(const char *path) {
  subject s = {.device = open_device(2, INCACHE_F32)};
  expect_ok(incache_model_open(path, &s.model), path);
  if (!s.model) exit(outcome());
  incache_input_info info = {.size = sizeof info};
  s.info.size = sizeof s.info;
  expect_ok(incache_model_describe(s.model, &s.info), "describe");
  expect(incache_model_inputs(s.model) == 1, "a model of labels alone");
  expect_ok(incache_model_input(s.model, 0, &info), "its input");
  expect(strcmp(info.name, "labels") == 0 && info.type == INCACHE_I32 && info.least == 0 && info.most > 0, "labels");
  expect(info.groups == s.info.images && info.rows == 1 && info.columns == 1, "one an image");
  s.most = info.most;
  s.labels = allocate(s.info.images * sizeof *s.labels);
  for (uint32_t i = 0; i < s.info.images; i++) s.labels[i] = (int32_t)i % (s.most + 1);
  s.input = (incache_input){sizeof s.input, "labels", INCACHE_I32, s.labels, s.info.images};
  s.elements = (uint64_t)s.info.images * s.info.channels * s.info.height * s.info.width;
  expect(s.info.name && s.info.steps > 0 && s.elements > 0 && s.info.macs > 0, "a model that is described");
  return s;
}

static incache_sample_options options_of(const subject *s) { return (incache_sample_options){sizeof(incache_sample_options), &s->input, 1, 7, 0}; }

static void close_subject(subject *s) {
  incache_model_destroy(s->model);
  incache_device_close(s->device);
  free(s->labels);
}

static float *latents_of(const subject *s, const incache_sampler *sampler) {
  float *latents = allocate(s->elements * sizeof *latents);
  memset(latents, 0xff, s->elements * sizeof *latents);
  expect_ok(incache_sampler_latents(sampler, latents, s->elements), "latents");
  return latents;
}

/* Takes all steps. */
static float *finish(const subject *s, incache_sampler *sampler) {
  uint32_t remaining = s->info.steps;
  for (uint32_t taken = 1; remaining > 0; taken++) {
    expect_ok(incache_sampler_step(sampler, NULL, &remaining), "step");
    expect(remaining == s->info.steps - taken, "a step less remains");
    if (remaining != s->info.steps - taken) break;
  }
  return latents_of(s, sampler);
}

static int are_finite(const float *values, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    if (!isfinite(values[i])) return 0;
  return 1;
}

static void test_samples(subject *s) {
  const size_t bytes = s->elements * sizeof(float), image = bytes / s->info.images;
  incache_sample_options options = options_of(s);
  incache_sampler *sampler = NULL;
  expect_ok(incache_sampler_create(s->device, s->model, &options, &sampler), "create");
  float *noise = latents_of(s, sampler), *first = finish(s, sampler);
  expect(are_finite(noise, s->elements) && are_finite(first, s->elements), "latents are numbers");
  expect(memcmp(noise, first, bytes) != 0, "steps change the latents");
  expect_refused(incache_sampler_step(sampler, NULL, NULL), INCACHE_BAD_ARGUMENT, "steps have been taken; expected a restart");

  expect_ok(incache_sampler_restart(sampler, &options), "restart");
  float *again = finish(s, sampler);
  expect(memcmp(first, again, bytes) == 0, "the same seed gives the same bits");

  options.seed = 8;
  expect_ok(incache_sampler_restart(sampler, &options), "restart");
  float *other = finish(s, sampler);
  expect(memcmp(first, other, image) != 0, "another seed gives another image");

  /* The first image of a batch that starts later is the second of this one. */
  options.seed = 7, options.first_image = 1;
  expect_ok(incache_sampler_restart(sampler, &options), "restart");
  float *later = latents_of(s, sampler);
  if (s->info.images > 1) expect(memcmp(later, (char *)noise + image, image) == 0, "an image's noise is its own");
  expect(memcmp(later, noise, image) != 0, "and no other's");

  /* In the middle of a batch, and with the model's handle gone. */
  incache_sampler *second = NULL;
  options.first_image = 0;
  expect_ok(incache_sampler_create(s->device, s->model, &options, &second), "create");
  expect_ok(incache_sampler_step(sampler, NULL, NULL), "step");
  float *beside = finish(s, second);
  expect(memcmp(first, beside, bytes) == 0, "samplers of one model do not disturb each other");
  incache_sampler_destroy(second);
  incache_sampler_destroy(sampler);
  free(noise), free(first), free(again), free(other), free(later), free(beside);
}

static uint64_t picture_bytes(const subject *s) {
  return (uint64_t)s->info.images * s->info.picture_channels * s->info.picture_height * s->info.picture_width;
}

/* Latents of one channel are the picture: each byte is the nearest one. */
static void test_pictures(subject *s) {
  const incache_sample_options options = options_of(s);
  const uint64_t bytes = picture_bytes(s);
  incache_sampler *sampler = NULL;
  incache_cancellation *cancellation = NULL;
  expect(bytes == s->elements && s->info.picture_channels == s->info.channels && s->info.picture_macs == 0, "a picture as large as the latents");
  expect_ok(incache_sampler_create(s->device, s->model, &options, &sampler), "create");
  expect_ok(incache_cancellation_create(&cancellation), "cancellation");
  float *latents = finish(s, sampler);
  uint8_t *pictures = allocate(bytes);
  memset(pictures, 77, bytes);
  expect_refused(incache_sampler_images(NULL, NULL, pictures, bytes), INCACHE_BAD_ARGUMENT, "sampler is null");
  expect_refused(incache_sampler_images(sampler, NULL, NULL, bytes), INCACHE_BAD_ARGUMENT, "images is null");
  expect_refused(incache_sampler_images(sampler, NULL, pictures, bytes + 1), INCACHE_BAD_ARGUMENT, "bytes is ");
  incache_cancellation_cancel(cancellation);
  const incache_run_options cancelled = {.size = sizeof cancelled, .cancellation = cancellation};
  expect_refused(incache_sampler_images(sampler, &cancelled, pictures, bytes), INCACHE_CANCELLED, "the run was cancelled");
  for (uint64_t i = 0; i < bytes; i++) expect(pictures[i] == 77, "a failed call fills nothing in");
  expect_ok(incache_sampler_images(sampler, NULL, pictures, bytes), "and may be repeated");
  for (uint64_t i = 0; i < bytes; i++) {
    const double wanted = (fmin(fmax((double)latents[i], -1), 1) + 1) * 127.5;
    expect(fabs(pictures[i] - wanted) <= 0.5, "the nearest byte");
  }
  incache_sampler_destroy(sampler);
  incache_cancellation_destroy(cancellation);
  free(latents), free(pictures);
}

static void test_lifetimes(const char *path) {
  subject s = open_subject(path);
  const incache_sample_options options = options_of(&s);
  incache_sampler *sampler = NULL;
  expect_ok(incache_sampler_create(s.device, s.model, &options, &sampler), "create");
  incache_model_destroy(s.model);
  incache_device_close(s.device);
  expect_ok(incache_sampler_step(sampler, NULL, NULL), "a sampler keeps its model and its device");
  incache_sampler_destroy(sampler);
  free(s.labels);
}

static void test_options(subject *s) {
  incache_sample_options options = options_of(s);
  incache_sampler *sampler = NULL;
  float value;
  char part[64];
  expect_refused(incache_sampler_create(NULL, s->model, &options, &sampler), INCACHE_BAD_ARGUMENT, "device is null");
  expect_refused(incache_sampler_create(s->device, s->model, NULL, &sampler), INCACHE_BAD_ARGUMENT, "options is null");
  expect_refused(incache_sampler_create(s->device, s->model, &options, NULL), INCACHE_BAD_ARGUMENT, "sampler is null");
  options.inputs = NULL;
  expect_refused(incache_sampler_create(s->device, s->model, &options, &sampler), INCACHE_BAD_ARGUMENT, "options.inputs is null");
  options.inputs = &s->input, options.seed = (uint64_t)1 << 53;
  expect_refused(incache_sampler_create(s->device, s->model, &options, &sampler), INCACHE_BAD_ARGUMENT, "expected one below 2^53");
  options.seed = 7, options.first_image = UINT32_MAX - s->info.images + 1;
  expect_ok(incache_sampler_create(s->device, s->model, &options, &sampler), "the last places that there are");
  incache_sampler_destroy(sampler);
  sampler = NULL, options.first_image = 0;
  const uint32_t last = s->info.images - 1;
  const int32_t kept = s->labels[last];
  s->labels[last] = s->most + 1;
  snprintf(part, sizeof part, "labels[%u] is %d; expected 0 to %d", last, s->most + 1, s->most);
  expect_refused(incache_sampler_create(s->device, s->model, &options, &sampler), INCACHE_BAD_VALUE, part);
  expect(!sampler, "a sampler that is refused fills nothing in");
  s->labels[last] = kept;
  expect_ok(incache_sampler_create(s->device, s->model, &options, &sampler), "create");
  s->labels[last] = -1;
  expect_refused(incache_sampler_restart(sampler, &options), INCACHE_BAD_VALUE, "is -1; expected 0 to");
  s->labels[last] = kept;
  expect_refused(incache_sampler_latents(sampler, NULL, s->elements), INCACHE_BAD_ARGUMENT, "latents is null");
  expect_refused(incache_sampler_latents(sampler, &value, 1 + s->elements), INCACHE_BAD_ARGUMENT, "elements is ");
  expect_refused(incache_model_describe(s->model, NULL), INCACHE_BAD_ARGUMENT, "info is null");
  expect_ok(incache_sampler_step(sampler, NULL, NULL), "what was refused has changed nothing");
  incache_sampler_destroy(sampler);
}

/* A step that was ended early cannot be taken again: only a restart goes on. */
static void test_cancellation(subject *s) {
  const incache_sample_options options = options_of(s);
  incache_cancellation *cancellation = NULL;
  incache_sampler *sampler = NULL;
  uint32_t remaining = 99;
  expect_ok(incache_cancellation_create(&cancellation), "cancellation");
  const incache_run_options run = {.size = sizeof run, .cancellation = cancellation};
  expect_ok(incache_sampler_create(s->device, s->model, &options, &sampler), "create");
  expect_ok(incache_sampler_step(sampler, &run, &remaining), "a step that nobody cancels");
  expect(remaining == s->info.steps - 1, "a step less remains");
  incache_cancellation_cancel(cancellation);
  expect_refused(incache_sampler_step(sampler, &run, &remaining), INCACHE_CANCELLED, "the run was cancelled");
  expect(remaining == s->info.steps - 1, "a failed step fills nothing in");
  expect_refused(incache_sampler_step(sampler, NULL, NULL), INCACHE_BAD_ARGUMENT, "step 1 has failed; expected a restart");
  expect_ok(incache_sampler_restart(sampler, &options), "restart");
  expect_refused(incache_sampler_step(sampler, &run, NULL), INCACHE_CANCELLED, "the run was cancelled");
  expect_ok(incache_sampler_restart(sampler, &options), "restart");
  free(finish(s, sampler));
  incache_sampler_destroy(sampler);
  incache_cancellation_destroy(cancellation);
}

typedef struct watched {
  uint64_t calls, last, total, stop_at;
} watched;

static int watch(void *user, uint64_t done, uint64_t total) {
  watched *w = user;
  expect(done > w->last && done <= total && (w->total == 0 || w->total == total), "progress grows up to a total that stays");
  w->calls++, w->last = done, w->total = total;
  return done == w->stop_at;
}

/* The caller hears of every operation, and may end the call then. */
static void test_progress(subject *s) {
  const incache_sample_options options = options_of(s);
  watched all = {0}, some = {.stop_at = 3}, pictures = {0};
  const incache_run_options run = {.size = sizeof run, .progress = watch, .user = &all};
  const incache_run_options stopped = {.size = sizeof stopped, .progress = watch, .user = &some};
  const incache_run_options drawn = {.size = sizeof drawn, .progress = watch, .user = &pictures};
  incache_sampler *sampler = NULL;
  expect_ok(incache_sampler_create(s->device, s->model, &options, &sampler), "create");
  expect_ok(incache_sampler_step(sampler, &run, NULL), "step");
  expect(all.calls == all.total && all.last == all.total && all.total > 3, "a call an operation");
  uint8_t *bytes = allocate(picture_bytes(s));
  expect_ok(incache_sampler_images(sampler, &drawn, bytes, picture_bytes(s)), "pictures");
  expect(pictures.calls == pictures.total && pictures.total == s->info.images, "a call an image");
  expect_refused(incache_sampler_step(sampler, &stopped, NULL), INCACHE_CANCELLED, "the run was cancelled by its progress");
  expect(some.calls == 3, "and none after it has said so");
  expect_refused(incache_sampler_step(sampler, NULL, NULL), INCACHE_BAD_ARGUMENT, "expected a restart");
  incache_sampler_destroy(sampler);
  free(bytes);
}

/* The coefficient of x in the second step of test/data/tiny.incache. */
static const char COEFFICIENT[] = "0.8300256921791407", OVERFLOWING[] = "9e99              ";

/* A step whose latents no float32 holds has a status of its own. */
static void test_overflow(subject *s, const char *path) {
  size_t length = 0;
  char *bytes = read_file(path, &length), *at = bytes;
  while (at && at + sizeof COEFFICIENT < bytes + length && memcmp(at, COEFFICIENT, sizeof COEFFICIENT - 1) != 0) at++;
  if (!at || at + sizeof COEFFICIENT >= bytes + length) {
    expect(0, "the file has the coefficient that is changed");
    free(bytes);
    return;
  }
  memcpy(at, OVERFLOWING, sizeof OVERFLOWING - 1);
  incache_sample_options options = options_of(s);
  options.first_image = 5;
  incache_model *model = NULL;
  incache_sampler *sampler = NULL;
  expect_ok(incache_model_parse(bytes, length, &model), "the changed file");
  expect_ok(incache_sampler_create(s->device, model, &options, &sampler), "create");
  expect_ok(incache_sampler_step(sampler, NULL, NULL), "the first step");
  expect_refused(incache_sampler_step(sampler, NULL, NULL), INCACHE_NOT_FINITE, "values stopped being finite at step 1 of 3, image 5");
  expect_refused(incache_sampler_step(sampler, NULL, NULL), INCACHE_BAD_ARGUMENT, "expected a restart");
  incache_sampler_destroy(sampler);
  incache_model_destroy(model);
  free(bytes);
}

/* A copy cut short cannot hold its tensors, and one of no more than its header cannot either. */
static void test_truncations(const char *bytes, size_t length, size_t header) {
  for (int i = 0; i < CUTS; i++) {
    /* Half of them in the header, which is a small part of a large file. */
    const size_t within = i % 2 ? length : header, some = within / CUTS * (size_t)i + random_below(7) % within;
    char *cut = allocate(some + (some == 0));
    incache_model *model = NULL;
    memcpy(cut, bytes, some);
    expect(incache_model_parse(cut, some, &model) == INCACHE_BAD_PLAN && !model && *incache_last_error(), "a truncated file is refused");
    free(cut);
  }
}

/* One byte of the header changed: refused, or a model that samples or is refused. */
static void test_changes(subject *s, char *bytes, size_t length, size_t header) {
  const incache_sample_options options = options_of(s);
  for (int i = 0; i < CHANGES; i++) {
    char *const at = bytes + random_below((uint32_t)header), kept = *at;
    incache_model *model = NULL;
    incache_model_info info = {.size = sizeof info};
    incache_sampler *sampler = NULL;
    *at = (char)random_below(256);
    const incache_status status = incache_model_parse(bytes, length, &model);
    expect(status == INCACHE_OK || (!model && *incache_last_error()), "a changed file is refused or is one");
    if (model && incache_model_describe(model, &info) == INCACHE_OK && info.images == s->info.images &&
        incache_sampler_create(s->device, model, &options, &sampler) == INCACHE_OK)
      incache_sampler_step(sampler, NULL, NULL);
    incache_sampler_destroy(sampler);
    incache_model_destroy(model);
    *at = kept;
  }
}

static void test_damage(subject *s, const char *path) {
  size_t length = 0;
  char *bytes = read_file(path, &length);
  expect(bytes != NULL, path);
  if (!bytes) return;
  uint64_t header = 0;
  memcpy(&header, bytes, sizeof header);
  incache_model *model = NULL;
  expect_ok(incache_model_parse(bytes, length, &model), "the file in memory");
  incache_model_destroy(model);
  test_truncations(bytes, length, 8 + header);
  test_changes(s, bytes, length, 8 + header);
  free(bytes);
}

int main(int count, char **arguments) {
  if (count < 2) {
    printf("skipped: no model file was given (INCACHE_TEST_MODEL)\n");
    return EXIT_SUCCESS;
  }
  subject s = open_subject(arguments[1]);
  test_samples(&s);
  test_pictures(&s);
  test_options(&s);
  test_cancellation(&s);
  test_progress(&s);
  test_overflow(&s, arguments[1]);
  test_damage(&s, arguments[1]);
  close_subject(&s);
  test_lifetimes(arguments[1]);
  return outcome();
}
