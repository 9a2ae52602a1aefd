/* Runs a fuzz target on files, without a fuzzer: the corpus as a test. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "target.h"

/* The whole file, in a block of exactly its size: a read past its end is then seen by the address sanitizer. */
static uint8_t *read_all(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END) != 0) return NULL;
  *size = (size_t)ftell(file);
  uint8_t *bytes = malloc(*size);
  rewind(file);
  const size_t got = fread(bytes, 1, *size, file);
  fclose(file);
  if (got == *size) return bytes;
  free(bytes);
  return NULL;
}

int main(int count, char **paths) {
  for (int i = 1; i < count; i++) {
    size_t size = 0;
    /* Before it is run, so that a crash has a name. */
    printf("%s\n", paths[i]);
    fflush(stdout);
    uint8_t *bytes = read_all(paths[i], &size);
    if (!bytes) {
      fprintf(stderr, "cannot read %s\n", paths[i]);
      return EXIT_FAILURE;
    }
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
  }
  return EXIT_SUCCESS;
}
