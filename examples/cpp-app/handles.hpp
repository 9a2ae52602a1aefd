/* The C interface in the manner of C++: statuses are exceptions, and handles end with their scopes. */
#pragma once

#include <incache.h>

#include <memory>
#include <stdexcept>

/* Every call that can fail returns a status; the reason is kept for the thread that called. */
inline void require(incache_status status) {
  if (status != INCACHE_OK) throw std::runtime_error(incache_last_error());
}

/* Every struct begins with its size. */
template <class Struct>
Struct sized() {
  Struct empty{};
  empty.size = sizeof empty;
  return empty;
}

/* What `create` makes, until the end of its scope. */
template <class Handle, class Create>
std::unique_ptr<Handle, void (*)(Handle *)> make(void (*destroy)(Handle *), Create create) {
  Handle *handle = nullptr;
  require(create(&handle));
  return {handle, destroy};
}
