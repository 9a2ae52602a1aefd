// All kernels for one instruction set. This file is compiled once for each set: INCACHE_ISA_NAME is its namespace,
// INCACHE_LANES the floats of a vector and INCACHE_STRIP the rows of the micro-kernel. Whatever it includes must have internal
// linkage or live in that namespace; otherwise the linker keeps one copy for all processors.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "../core/bf16.h"
#include "../core/f16.h"
#include "kernels.h"

#define INCACHE_TEXT_(name) #name
#define INCACHE_TEXT(name) INCACHE_TEXT_(name)

namespace incache::INCACHE_ISA_NAME {
namespace {
#include "arithmetic.inc"
#include "rows.inc"
#include "microkernel.inc"
#include "packing.inc"
#include "blocks.inc"
#include "tile.inc"
#include "epilogue.inc"
#include "peak.inc"

#include "operations.inc"

template <class K>
constexpr Kernel kernel() {
#ifdef __AMX_BF16__
  return {K::tasks, K::scratch, [](const BoundOp &b, int64_t task, int64_t tasks, int64_t threads, char *scratch) {
            const TileRegisters registers;
            K::run(b, task, tasks, threads, scratch);
          }};
#else
  return {K::tasks, K::scratch, K::run};
#endif
}
}  // namespace

const KernelSet &kernels() {
  static constexpr KernelSet set = {
      INCACHE_TEXT(INCACHE_ISA_NAME), kPanel, packedWords, packPanels, widenSource, peak,
      {
#define INCACHE_KERNEL(kind, name) kernel<name>(),
          INCACHE_KINDS(INCACHE_KERNEL)
#undef INCACHE_KERNEL
      }};
  return set;
}

}  // namespace incache::INCACHE_ISA_NAME
