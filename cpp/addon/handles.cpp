#include "handles.h"

namespace incache_addon {
namespace {

void set(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value = nullptr;
  if (napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}
void set(napi_env env, napi_value object, const char *name, double number) {
  napi_value value = nullptr;
  if (napi_create_double(env, number, &value) == napi_ok) napi_set_named_property(env, object, name, value);
}

}  // namespace

// Uses plain N-API and ignores its failures, because it is also called while an environment is torn down, when nothing can be
// created any more.
napi_value Failure::error(napi_env env) const {
  napi_value message = nullptr, made = nullptr;
  if (napi_create_string_utf8(env, text.data(), text.size(), &message) != napi_ok || napi_create_error(env, nullptr, message, &made) != napi_ok)
    return nullptr;
  set(env, made, "status", status);
  if (status != INCACHE_OUT_OF_MEMORY) return made;
  set(env, made, "device", memory.device);
  set(env, made, "asked", static_cast<double>(memory.asked));
  set(env, made, "inUse", static_cast<double>(memory.in_use));
  set(env, made, "limit", static_cast<double>(memory.limit));
  return made;
}

void raise(Napi::Env env, const Failure &failure) {
  const napi_value error = failure.error(env);
  throw error ? Napi::Error(env, error) : Napi::Error::New(env, failure.text);
}

}  // namespace incache_addon
