// Kernels store and multiply 16-bit numbers of one type, Half: bfloat16, or float16 where the compiler is given
// -DINCACHE_STORAGE=f16. Every kernel is compiled once for each, in a namespace of that name.
#pragma once
#include "../../cpp/include/incache.h"

#ifndef INCACHE_STORAGE
#define INCACHE_STORAGE bf16
#endif
// As instructions name it: "bf16" or "f16".
#define INCACHE_TEXT_OF(name) #name
#define INCACHE_TEXT(name) INCACHE_TEXT_OF(name)
#define INCACHE_STORAGE_NAME INCACHE_TEXT(INCACHE_STORAGE)

namespace incache::cuda {

enum class Storage { bf16, f16 };

// What includes this sees the names of its own namespace alone.
inline namespace INCACHE_STORAGE {

constexpr bool kIsFloat16 = Storage::INCACHE_STORAGE == Storage::f16;
constexpr incache_type kHalfType = kIsFloat16 ? INCACHE_F16 : INCACHE_BF16;

// As it is stored.
struct Half {
  unsigned short bits;
};

}  // namespace INCACHE_STORAGE
}  // namespace incache::cuda
