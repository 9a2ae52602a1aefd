// Handles of the C interface as tagged externals of the script. Each holds a shared pointer, so that work in another
// thread keeps what it uses, whatever the script disposes or collects meanwhile. Nothing is static: every environment
// (worker) that loads the addon has its own.
#pragma once
// std::bad_alloc and its like become errors of the script too, not the end of the process.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
#include <napi.h>

#include <memory>
#include <string>

#include "incache.h"

namespace incache_addon {

template <class T>
using Shared = std::shared_ptr<T>;

// What an external points to: empty once disposed. `bytes` is what the collector was told of.
template <class T>
struct Held {
  Shared<T> handle;
  int64_t bytes;
};

template <class T>
struct Kind;
#define INCACHE_KIND(type, number, destroyer)                             \
  template <>                                                             \
  struct Kind<type> {                                                     \
    static constexpr napi_type_tag tag = {0x696e636163686501ull, number}; \
    static constexpr const char *name = #type;                            \
    static void destroy(type *handle) { destroyer(handle); }              \
  };
INCACHE_KIND(incache_device, 1, incache_device_close)
INCACHE_KIND(incache_buffer, 2, incache_buffer_destroy)
INCACHE_KIND(incache_weights, 3, incache_weights_destroy)
INCACHE_KIND(incache_plan, 4, incache_plan_destroy)
INCACHE_KIND(incache_executable, 5, incache_executable_destroy)
#undef INCACHE_KIND

[[noreturn]] inline void raise(Napi::Env env, incache_status status, const std::string &text) {
  Napi::Error error = Napi::Error::New(env, text);
  error.Set("status", Napi::Number::New(env, status));
  throw error;
}

inline void check(Napi::Env env, incache_status status) {
  if (status != INCACHE_OK) raise(env, status, incache_last_error());
}

template <class T>
void release(Napi::Env env, Held<T> &held) {
  held.handle.reset();
  if (held.bytes > 0) Napi::MemoryManagement::AdjustExternalMemory(env, -held.bytes);
  held.bytes = 0;
}

// bytes: memory outside of the script's heap that lives as long as the handle.
template <class T>
Napi::Value wrap(Napi::Env env, T *handle, int64_t bytes = 0) {
  auto *held = new Held<T>{Shared<T>(handle, Kind<T>::destroy), bytes};
  if (bytes > 0) Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  auto external = Napi::External<Held<T>>::New(env, held, [](Napi::Env finalEnv, Held<T> *last) {
    release(finalEnv, *last);
    delete last;
  });
  external.TypeTag(&Kind<T>::tag);
  return external;
}

template <class T>
Held<T> &heldIn(Napi::Env env, const Napi::Value &value, const std::string &what) {
  if (!value.IsExternal() || !value.As<Napi::External<Held<T>>>().CheckTypeTag(&Kind<T>::tag))
    raise(env, INCACHE_BAD_ARGUMENT, what + " is not an " + Kind<T>::name);
  return *value.As<Napi::External<Held<T>>>().Data();
}

template <class T>
Shared<T> handleIn(Napi::Env env, const Napi::Value &value, const std::string &what) {
  const Shared<T> handle = heldIn<T>(env, value, what).handle;
  if (!handle) raise(env, INCACHE_BAD_ARGUMENT, std::string("this ") + Kind<T>::name + " has been disposed");
  return handle;
}

template <class T>
Shared<T> handle(const Napi::CallbackInfo &info, size_t place) {
  return handleIn<T>(info.Env(), info[place], "argument " + std::to_string(place));
}

}  // namespace incache_addon
