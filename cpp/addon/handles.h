// Handles of the C interface as tagged externals of the script. Each holds a shared pointer, so that work on another
// thread keeps what it uses, whatever the script disposes or collects meanwhile. Nothing is static, because every environment
// (worker) that loads the addon has its own handles.
#pragma once
// Exceptions such as std::bad_alloc become errors of the script too, instead of ending the process.
#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
#include <napi.h>

#include <memory>
#include <string>

#include "incache.h"

namespace incache_addon {

template <class T>
using Shared = std::shared_ptr<T>;

// What an external points to; empty once disposed. `bytes` is what the collector was told.
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
INCACHE_KIND(incache_cancellation, 6, incache_cancellation_destroy)
#undef INCACHE_KIND

// How a call failed. The library's error texts belong to the thread of the call, so they are copied there.
struct Failure {
  incache_status status = INCACHE_OK;
  std::string text;
  incache_memory_error memory{};

  static Failure last(incache_status status) {
    if (status == INCACHE_OK) return {};
    Failure failure{status, incache_last_error(), {sizeof(incache_memory_error), "", 0, 0, 0}};
    incache_last_memory_error(&failure.memory);
    return failure;
  }
  // An error of the script with the status, and with the numbers of memory if they are known. Null if the environment takes no errors.
  napi_value error(napi_env env) const;
};

[[noreturn]] void raise(Napi::Env env, const Failure &failure);
[[noreturn]] inline void raise(Napi::Env env, incache_status status, const std::string &text) { raise(env, Failure{status, text, {}}); }

inline void check(Napi::Env env, incache_status status) {
  if (status != INCACHE_OK) raise(env, Failure::last(status));
}

// Tells the collector how much memory outside the script's heap the handle keeps alive.
template <class T>
void setBytes(Napi::Env env, Held<T> &held, int64_t bytes) {
  if (bytes != held.bytes) Napi::MemoryManagement::AdjustExternalMemory(env, bytes - held.bytes);
  held.bytes = bytes;
}

template <class T>
void release(Napi::Env env, Held<T> &held) {
  held.handle.reset();
  setBytes(env, held, 0);
}

// bytes: memory outside the script's heap that the handle keeps alive.
template <class T>
Napi::Value wrap(Napi::Env env, T *handle, int64_t bytes = 0) {
  auto *held = new Held<T>{Shared<T>(handle, Kind<T>::destroy), 0};
  setBytes(env, *held, bytes);
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
