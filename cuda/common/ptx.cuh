// The instructions that CUDA C++ has no name for, each as one function. Kernels are written against these alone, so that the
// same source is compiled by nvcc for a GPU and by a C++ compiler for the emulator (emulator/), which runs it on a processor.
//
// Fragments are those of the PTX manual. In `multiply16x8x16`, lane = 4 g + t holds
//   a[0], a[1]: rows g, g + 8 of columns 2t, 2t+1;   a[2], a[3]: the same rows of columns 2t+8, 2t+9
//   b[0], b[1]: rows (depth) 2t, 2t+1 and 2t+8, 2t+9 of column g
//   c[0], c[1]: row g, columns 2t, 2t+1;             c[2], c[3]: row g + 8
#pragma once
#include "storage.h"
#ifdef INCACHE_CUDA_EMULATED
#include "../emulator/ptx.h"
#else
#include <cuda.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace incache::cuda::INCACHE_STORAGE {

__device__ __forceinline__ float toFloat(Half v) {
  if constexpr (!kIsFloat16) return __uint_as_float(static_cast<uint32_t>(v.bits) << 16);
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(v.bits));
  return result;
}
// To the nearest, ties to even; float16 becomes infinite beyond 65,504.
__device__ __forceinline__ Half toHalf(float v) {
  Half result;
  asm("cvt.rn." INCACHE_STORAGE_NAME ".f32 %0, %1;" : "=h"(result.bits) : "f"(v));
  return result;
}
// Two Half in a word, `low` first in memory.
__device__ __forceinline__ uint32_t packHalf(float low, float high) {
  uint32_t word;
  asm("cvt.rn." INCACHE_STORAGE_NAME "x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}
__device__ __forceinline__ float lowOf(uint32_t word) {
  return kIsFloat16 ? toFloat({static_cast<unsigned short>(word)}) : __uint_as_float(word << 16);
}
__device__ __forceinline__ float highOf(uint32_t word) {
  return kIsFloat16 ? toFloat({static_cast<unsigned short>(word >> 16)}) : __uint_as_float(word & 0xffff0000u);
}

// The block's dynamic shared memory, at a multiple of 1,024 bytes.
__device__ __forceinline__ unsigned char *sharedMemory() {
  extern __shared__ __align__(1024) unsigned char incacheShared[];
  return incacheShared;
}
// An address within shared memory, as instructions and descriptors want it.
__device__ __forceinline__ uint32_t sharedAddress(const void *at) { return static_cast<uint32_t>(__cvta_generic_to_shared(at)); }

// ---- Threads -------------------------------------------------------------------------------------------------------

__device__ __forceinline__ void synchronizeBlock() { __syncthreads(); }
__device__ __forceinline__ void synchronizeWarp() { __syncwarp(); }
// `threads` of the block (a multiple of 32) meet at barrier `id`, 1 to 15.
__device__ __forceinline__ void synchronizeSome(int id, int threads) { asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory"); }
template <class T>
__device__ __forceinline__ T shuffleXor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
template <class T>
__device__ __forceinline__ T shuffleFrom(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}
// The same value, of which the compiler knows nothing: what follows from it is computed where it is used, and not kept in registers.
__device__ __forceinline__ int unknown(int value) {
  asm volatile("" : "+r"(value));
  return value;
}
// Has the level-2 cache fetch the line of an address.
__device__ __forceinline__ void prefetch(const void *global) { asm volatile("prefetch.global.L2 [%0];" ::"l"(global)); }
// Four floats at a multiple of 16 bytes that the kernel does not write; zeros, and nothing is read, unless they are `there`. Without a
// branch, so that such loads follow each other.
__device__ __forceinline__ float4 loadFourIf(bool there, const float *global) {
  float4 v;
  asm("{\n.reg .pred there;\n"
      "setp.ne.s32 there, %5, 0;\n"
      "mov.b32 %0, 0;\nmov.b32 %1, 0;\nmov.b32 %2, 0;\nmov.b32 %3, 0;\n"
      "@there ld.global.nc.v4.f32 {%0, %1, %2, %3}, [%4];\n}"
      : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
      : "l"(global), "r"(static_cast<int>(there)));
  return v;
}
// 2^x, to two units in the last place.
__device__ __forceinline__ float powerOfTwo(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// 1 / x, to one unit in the last place.
__device__ __forceinline__ float reciprocal(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// ---- Operations that the compiler does not join, and memory that blocks share --------------------------------------------

__device__ __forceinline__ double multiplied(double a, double b) { return __dmul_rn(a, b); }
__device__ __forceinline__ double added(double a, double b) { return __dadd_rn(a, b); }
// The lesser of both, whichever thread comes first.
__device__ __forceinline__ void keepLeast(int *global, int value) { atomicMin(global, value); }

// ---- sm_80: asynchronous copies, fragments, products ---------------------------------------------------------------

// 16 bytes from global to shared memory, both at multiples of 16; zeros when not `valid` (`global` is then not read).
__device__ __forceinline__ void copyAsync16(void *shared, const void *global, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(shared)), "l"(global), "r"(bytes) : "memory");
}
__device__ __forceinline__ void commitCopies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Until at most `Pending` of this thread's groups are under way.
template <int Pending>
__device__ __forceinline__ void waitCopies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// Four 8 x 8 matrices of 16-bit elements; lane 8 i + j gives the address of row j (16 bytes) of matrix i.
// r[i] holds row lane / 4, elements 2 (lane % 4) and the next, of matrix i; `Transposed`: of its transpose.
__device__ __forceinline__ void loadMatrix4(uint32_t (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row))
               : "memory");
}
__device__ __forceinline__ void loadMatrix4Transposed(uint32_t (&r)[4], const void *row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(row))
               : "memory");
}

// c += a b in float32: 16 x 16 times 16 x 8, Half.
__device__ __forceinline__ void multiply16x8x16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." INCACHE_STORAGE_NAME "." INCACHE_STORAGE_NAME ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

}  // namespace incache::cuda::INCACHE_STORAGE
#endif
