/* What the fuzz targets in C share. */
#ifndef INCACHE_FUZZ_TARGET_H
#define INCACHE_FUZZ_TARGET_H

#include <stdlib.h>

#include "incache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For all inputs: opening one starts threads and asks the processor what it can do. */
static inline incache_device *device(void) {
  static incache_device *opened;
  const incache_device_options one_thread = {sizeof one_thread, 1, INCACHE_F32};
  if (!opened && incache_device_open("cpu", &one_thread, &opened) != INCACHE_OK) abort();
  return opened;
}

#endif
