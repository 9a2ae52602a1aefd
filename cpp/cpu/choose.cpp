// Which instruction sets this build has kernels for, and the choice among them.
#include <cstdlib>
#include <string>

#include "../core/error.h"
#include "kernels.h"

namespace incache {
namespace portable { const KernelSet &kernels(); }
#ifdef INCACHE_X86
namespace avx2 { const KernelSet &kernels(); }
namespace avx512 { const KernelSet &kernels(); }
namespace avx512bf16 { const KernelSet &kernels(); }
#endif

namespace {

// From the best to the least; the portable one is SSE2 on x86-64 and NEON on 64-bit ARM.
constexpr const char *kNames[] = {"avx512bf16", "avx512", "avx2", "portable"};

// How many of the names are passed over because the environment asks for a lesser set.
int limitAsked() {
  const char *asked = std::getenv("INCACHE_ISA");
  if (!asked || !*asked) return 0;
  for (int i = 0; i < 4; i++)
    if (std::string(asked) == kNames[i]) return i;
  throw Error(INCACHE_BAD_ARGUMENT, std::string("INCACHE_ISA is '") + asked + "'; expected avx512bf16, avx512, avx2 or portable");
}

}  // namespace

const KernelSet &chooseKernels() {
  const int limit = limitAsked();
#ifdef INCACHE_X86
  __builtin_cpu_init();
  const bool has2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has512 = has2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  if (limit <= 0 && has512 && __builtin_cpu_supports("avx512bf16")) return avx512bf16::kernels();
  if (limit <= 1 && has512) return avx512::kernels();
  if (limit <= 2 && has2) return avx2::kernels();
#endif
  (void)limit;
  return portable::kernels();
}

}  // namespace incache
