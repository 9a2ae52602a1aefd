/* What the tests of the C interface share: expectations that are counted, and numbers to work with. */
#ifndef INCACHE_TEST_EXPECT_H
#define INCACHE_TEST_EXPECT_H

#include <stddef.h>
#include <stdint.h>

#include "incache.h"

/** If `holds` is 0, counts a failure and prints `what` and the last error. May be called from any thread. */
void expect(int holds, const char *what);
void expect_ok(incache_status got, const char *what);
/** Expects the status `wanted`, and a sentence that contains `part`. */
void expect_refused(incache_status got, incache_status wanted, const char *part);
/** A value that no handle has: a failed call must not have touched it. */
extern char untouched_place;
#define UNTOUCHED ((void *)&untouched_place)
/** EXIT_FAILURE if an expectation did not hold. */
int outcome(void);

/** Opens the cpu device with this many threads and float32 or bfloat16 weights; ends the test if that fails. */
incache_device *open_device(uint32_t threads, incache_type weights);

/** One of 257 numbers from -1 to 1, that float32, float16 and bfloat16 all hold exactly. */
float number(uint64_t i);
/** From 0 to `below` - 1, the same in every run. */
uint32_t random_below(uint32_t below);
/** malloc that ends the test instead of returning null. */
void *allocate(size_t bytes);
/** A whole file, or null. */
char *read_file(const char *path, size_t *length);

#endif
