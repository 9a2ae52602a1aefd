// What sm_90a adds: barriers that count bytes, the tensor copy engine (TMA) and products of a warpgroup (wgmma).
// Kernels guard their bodies with INCACHE_HOPPER: other targets compile them to nothing.
#pragma once
#include "ptx.cuh"

namespace incache::cuda {

// What a product with a left factor in registers does with its sums, and how its right factor lies: immediates of the instruction.
constexpr int kReplaces = 0, kAdds = 1, kKMajor = 0, kTransposed = 1;

}  // namespace incache::cuda

#ifdef INCACHE_CUDA_EMULATED
#include "../emulator/hopper.h"
#define INCACHE_HOPPER 1
#else
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || !defined(__CUDA_ARCH__)
#define INCACHE_HOPPER 1
#endif

namespace incache::cuda::INCACHE_STORAGE {

// ---- Barriers in shared memory (8 bytes, at a multiple of 8) ----------------------------------------------------

__device__ __forceinline__ void initBarrier(uint64_t *barrier, uint32_t arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(sharedAddress(barrier)), "r"(arrivals) : "memory");
}
// Makes initialised barriers known to the copy engine; then the block has to meet.
__device__ __forceinline__ void publishBarriers() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
__device__ __forceinline__ void arrive(uint64_t *barrier) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.shared::cta.b64 state, [%0]; }" ::"r"(sharedAddress(barrier)) : "memory");
}
// Arrives, and has the phase last until so many bytes have been copied too.
__device__ __forceinline__ void arriveExpecting(uint64_t *barrier, uint32_t bytes) {
  asm volatile("{ .reg .b64 state; mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1; }" ::"r"(sharedAddress(barrier)), "r"(bytes)
               : "memory");
}
// The phase of a barrier that comes so many after another; the first is 0. Only its parity is kept, which is what barriers know.
__device__ __forceinline__ uint32_t phaseAfter(uint32_t phase, int phases) { return phase ^ static_cast<uint32_t>(phases & 1); }
// How long a wait may take: an error of synchronisation ends the kernel, where it would otherwise hold the GPU until the process ends. For
// tests 2 s; else a minute, longer than anything else should hold a kernel up, in 2^32 ns. Half of the timer takes half of the registers.
#ifdef INCACHE_WATCHDOG
#define INCACHE_TIMER "%%globaltimer_lo"
constexpr uint32_t kPatience = 2'000'000'000;
#else
#define INCACHE_TIMER "%%globaltimer_hi"
constexpr uint32_t kPatience = 14;
#endif
// Until a phase has ended; that before the first has ended from the beginning. It must be the one under way or the one before: barriers
// compare parities.
__device__ __forceinline__ void waitFor(uint64_t *barrier, uint32_t phase) {
  asm volatile(
      "{\n.reg .pred ended, late;\n.reg .u32 since, now;\n"
      "mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
      "@ended bra over;\n"
      "mov.u32 since, " INCACHE_TIMER ";\n"
      "again: mbarrier.try_wait.parity.shared::cta.b64 ended, [%0], %1;\n"
      "@ended bra over;\n"
      "mov.u32 now, " INCACHE_TIMER ";\n"
      "sub.u32 now, now, since;\n"
      "setp.gt.u32 late, now, %2;\n"
      "@late trap;\n"
      "bra again;\n"
      "over:\n}" ::"r"(sharedAddress(barrier)),
      "r"(phase), "n"(kPatience)
      : "memory");
}
#undef INCACHE_TIMER

// ---- The copy engine ----------------------------------------------------------------------------------------------

// Has the descriptor fetched before its first use.
__device__ __forceinline__ void prefetchMap(const CUtensorMap *map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
// One box whose first element is (column, row), where columns are a multiple of 16 bytes: to `shared` (a multiple of 128 bytes, of 1,024
// with 128-byte swizzle); what lies outside of the tensor becomes 0, and counts among the bytes of the barrier. Called by one thread.
__device__ __forceinline__ void copyBox(void *shared, const CUtensorMap *map, int column, int row, uint64_t *barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
                   sharedAddress(shared)),
               "l"(map), "r"(column), "r"(row), "r"(sharedAddress(barrier))
               : "memory");
}
// The same of a tensor of (column, head, row).
__device__ __forceinline__ void copyHeadBox(void *shared, const CUtensorMap *map, int column, int head, int row, uint64_t *barrier) {
  asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(
                   sharedAddress(shared)),
               "l"(map), "r"(column), "r"(head), "r"(row), "r"(sharedAddress(barrier))
               : "memory");
}
// Shared memory that was written by ordinary stores becomes visible to the copy engine and to wgmma.
__device__ __forceinline__ void publishShared() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// ---- Products of a warpgroup: 128 threads, the first of them at a multiple of 128 --------------------------------------

// A K-major operand in shared memory with 128-byte swizzle: rows of 64 16-bit elements (128 bytes), the 16-byte piece j of
// row i at piece j ^ (i % 8), groups of eight rows 1,024 bytes apart; `at` is at a multiple of 1,024 bytes, or 32, 64 or 96
// bytes past one for the second to fourth 16 columns. (PTX manual: matrix descriptor format; leading offset unused.)
__device__ __forceinline__ uint64_t describeSwizzled128(const void *at) {
  return uint64_t{(sharedAddress(at) & 0x3ffff) >> 4} | uint64_t{1} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}
// A right factor whose rows run along the depth (kTransposed of Wgmma), in the same pattern: 64 columns of it are a panel, and further
// ones follow in panels `panelBytes` apart. `at`: of the first of 16 rows, at a multiple of 1,024 bytes. (Of an N-major operand the
// leading offset is between panels, the stride between groups of eight rows.)
__device__ __forceinline__ uint64_t describeTransposed128(const void *at, uint32_t panelBytes) {
  return uint64_t{(sharedAddress(at) & 0x3ffff) >> 4} | uint64_t{panelBytes >> 4} << 16 | uint64_t{1024 >> 4} << 32 | uint64_t{1} << 62;
}
// Before the first product, and whenever registers of a product have been touched.
__device__ __forceinline__ void beginProducts() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ __forceinline__ void commitProducts() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int Pending>
__device__ __forceinline__ void waitProducts() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(Pending) : "memory");
}
// Keeps the compiler from moving uses of an accumulator across a wait.
template <int N>
__device__ __forceinline__ void pinAccumulator(float (&c)[N]) {
#pragma unroll
  for (int i = 0; i < N; i++) asm volatile("" : "+f"(c[i])::"memory");
}
// The same of a left factor in registers: none of them serves anything else before the wait.
template <int N>
__device__ __forceinline__ void pinLeft(uint32_t (&a)[N][4]) {
#pragma unroll
  for (int i = 0; i < 4 * N; i++) asm volatile("" : "+r"(a[i / 4][i % 4])::"memory");
}
template <int Registers>
__device__ __forceinline__ void growRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(Registers));
}
template <int Registers>
__device__ __forceinline__ void shrinkRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(Registers));
}

}  // namespace incache::cuda::INCACHE_STORAGE
#include "wgmma.cuh"
#endif
