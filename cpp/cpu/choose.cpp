// The instruction sets that this build has kernels for, and the choice among them.
#include <cstdlib>
#include <string>

#ifdef INCACHE_X86
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

#include "../core/error.h"
#include "kernels.h"

namespace incache {
namespace portable { const KernelSet &kernels(); }
#ifdef INCACHE_X86
namespace avx2 { const KernelSet &kernels(); }
namespace avx512 { const KernelSet &kernels(); }
namespace avx512bf16 { const KernelSet &kernels(); }
namespace amx { const KernelSet &kernels(); }
#endif

namespace {

// From the best to the least; the portable one is SSE2 on x86-64 and NEON on 64-bit ARM.
constexpr const char *kNames[] = {"amx", "avx512bf16", "avx512", "avx2", "portable"};

// How many names to skip because INCACHE_ISA asks for a lesser instruction set.
int limitAsked() {
  const char *asked = std::getenv("INCACHE_ISA");
  if (!asked || !*asked) return 0;
  int passed = 0;
  for (const char *name : kNames) {
    if (std::string(asked) == name) return passed;
    passed++;
  }
  throw Error(INCACHE_BAD_ARGUMENT, std::string("INCACHE_ISA is '") + asked + "'; expected amx, avx512bf16, avx512, avx2 or portable");
}

#ifdef INCACHE_X86
// Whether the processor multiplies tiles of bfloat16 (AMX) and the system allows it. Linux allows it on request and then saves
// the tile registers of the process's threads (Documentation/arch/x86/xstate.rst).
bool mayUseTiles() {
#ifdef __linux__
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTiles = 1u << 24;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBf16) == 0 || (d & kTiles) == 0) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}
#endif

}  // namespace

const KernelSet &chooseKernels(incache_type weights) {
  const int limit = limitAsked();
#ifdef INCACHE_X86
  __builtin_cpu_init();
  const bool has2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has512 = has2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  const bool hasBf16 = has512 && __builtin_cpu_supports("avx512bf16");
  if (limit <= 0 && hasBf16 && weights == INCACHE_BF16 && mayUseTiles()) return amx::kernels();
  if (limit <= 1 && hasBf16) return avx512bf16::kernels();
  if (limit <= 2 && has512) return avx512::kernels();
  if (limit <= 3 && has2) return avx2::kernels();
#endif
  (void)limit, (void)weights;
  return portable::kernels();
}

}  // namespace incache
