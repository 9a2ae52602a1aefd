// How a test program fails.
#pragma once
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "../kernels.h"
#ifdef INCACHE_CUDA_EMULATED
#include <sys/wait.h>
#include <unistd.h>
#endif

namespace incache::cuda::test {

// Where INCACHE_KEEP_GOING is set a test program goes on after a failure, to some number of them: on a machine that is borrowed, all
// of what is wrong in one run.
inline void countFailure() {
  static int left = std::getenv("INCACHE_KEEP_GOING") ? 20 : 1;
  if (--left == 0) std::exit(1);
  static const int registered = std::atexit([] { std::_Exit(1); });
  (void)registered;
}

// Fails the test program, with a sentence, when `fact` does not hold.
__attribute__((format(printf, 2, 3))) inline void expect(bool fact, const char *format, ...) {
  if (fact) return;
  va_list arguments;
  va_start(arguments, format);
  std::fprintf(stderr, "failed: ");
  std::vfprintf(stderr, format, arguments);
  std::fprintf(stderr, "\n");
  va_end(arguments);
  countFailure();
}

#ifdef INCACHE_CUDA_EMULATED
// Whether `body` ends a process of its own.
template <class Body>
bool aborts(Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stderr)) _exit(0);
    body();
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}
#endif

}  // namespace incache::cuda::test
