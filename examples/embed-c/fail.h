/* What a small program does when it cannot go on. */
#ifndef FAIL_H
#define FAIL_H

#include <stddef.h>

_Noreturn void fail(const char *what, const char *reason);
/* Never NULL. */
void *allocate(size_t bytes);

#endif
