#include "expect.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static atomic_int failures;
char untouched_place;

void expect(int holds, const char *what) {
  if (holds) return;
  failures++;
  fprintf(stderr, "failed: %s (last error: %s)\n", what, incache_last_error());
}

void expect_ok(incache_status got, const char *what) { expect(got == INCACHE_OK, what); }

void expect_refused(incache_status got, incache_status wanted, const char *part) {
  if (got != wanted) fprintf(stderr, "status %d; expected %d\n", (int)got, (int)wanted);
  expect(got == wanted && strstr(incache_last_error(), part) != NULL, part);
}

int outcome(void) { return failures ? EXIT_FAILURE : EXIT_SUCCESS; }

incache_device *open_device(uint32_t threads, incache_type weights) {
  const incache_device_options options = {sizeof options, threads, weights};
  incache_device *device = NULL;
  if (incache_device_open("cpu", &options, &device) == INCACHE_OK) return device;
  fprintf(stderr, "no device: %s\n", incache_last_error());
  exit(EXIT_FAILURE);
}

float number(uint64_t i) { return (float)(int)(i * 7919 % 257) / 128.0f - 1.0f; }

uint32_t random_below(uint32_t below) {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33) % below;
}

void *allocate(size_t bytes) {
  void *memory = malloc(bytes);
  if (memory || bytes == 0) return memory;
  fprintf(stderr, "no memory for %zu bytes\n", bytes);
  exit(EXIT_FAILURE);
}

char *read_file(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  *length = (size_t)ftell(file);
  rewind(file);
  char *bytes = allocate(*length);
  const size_t got = fread(bytes, 1, *length, file);
  fclose(file);
  if (got == *length) return bytes;
  free(bytes);
  return NULL;
}
