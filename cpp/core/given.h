// Arguments of the C interface: pointers that must be given, and structs that begin with their size (incache.h).
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "error.h"

namespace incache {

inline void requireGiven(const std::string &name, const void *value) {
  if (!value) throw Error(INCACHE_BAD_ARGUMENT, name + " is null");
}

// The smallest size that a struct has had in this version of the interface. For a struct that has grown, where its first fields
// ended.
template <class T>
constexpr size_t kLeastSize = sizeof(T);
template <>
inline constexpr size_t kLeastSize<incache_input_info> = offsetof(incache_input_info, most_groups);
// A larger size can only be uninitialised memory.
constexpr size_t kMostSize = 4096;

inline void requireSize(size_t size, size_t least, size_t own, const std::string &name) {
  if (size < least || size > kMostSize)
    throw Error(INCACHE_BAD_ARGUMENT, name + ".size is " + std::to_string(size) + "; expected the struct's, " + std::to_string(own));
}

// A copy of the caller's struct. Fields that the caller's header lacks are zero; bytes that this library does not know must be
// zero.
template <class T>
T taken(const T *given, const std::string &name) {
  requireGiven(name, given);
  const size_t size = given->size;
  requireSize(size, kLeastSize<T>, sizeof(T), name);
  const char *const bytes = reinterpret_cast<const char *>(given);
  if (size > sizeof(T) && std::any_of(bytes + sizeof(T), bytes + size, [](char byte) { return byte != 0; }))
    throw Error(INCACHE_BAD_ARGUMENT, name + " has fields that this library does not know; expected them to be zero");
  T own{};
  std::memcpy(&own, bytes, std::min(size, sizeof(T)));
  return own;
}

// The elements of an array are as far apart as the size in the first one says.
template <class T>
std::vector<T> taken(const T *first, uint64_t count, const std::string &name) {
  std::vector<T> all;
  if (count > 0) requireGiven(name, first);
  for (uint64_t i = 0; i < count; i++) {
    const std::string element = name + "[" + std::to_string(i) + "]";
    all.push_back(taken(reinterpret_cast<const T *>(reinterpret_cast<const char *>(first) + i * first->size), element));
    if (all.back().size != first->size)
      throw Error(INCACHE_BAD_ARGUMENT, element + ".size is " + std::to_string(all.back().size) + "; expected " + std::to_string(first->size) +
                                            ", as of the first");
  }
  return all;
}

// Fills in the fields that the caller's header has; those that only that header has become zero.
template <class T>
void give(T *to, T value, const std::string &name) {
  requireGiven(name, to);
  value.size = to->size;
  requireSize(value.size, kLeastSize<T>, sizeof(T), name);
  std::memcpy(to, &value, std::min(value.size, sizeof(T)));
  if (value.size > sizeof(T)) std::memset(reinterpret_cast<char *>(to) + sizeof(T), 0, value.size - sizeof(T));
}

}  // namespace incache
