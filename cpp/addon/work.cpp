#include "work.h"

namespace incache_addon {
namespace {

struct Work {
  std::function<incache_status()> body;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
  Failure failure;
};

void execute(napi_env, void *data) {
  auto *work = static_cast<Work *>(data);
  work->failure = Failure::last(work->body());
  // Frees the body here: what it holds may be large, and the script's thread may take long to get to `complete`.
  work->body = nullptr;
}

// Uses plain N-API and ignores its failures: when an environment is torn down in the middle of a run, nothing can be created or
// settled any more, and that must not throw. What the work held is released all the same.
void complete(napi_env env, napi_status, void *data) {
  auto *work = static_cast<Work *>(data);
  napi_delete_async_work(env, work->work);
  if (work->failure.status == INCACHE_OK) {
    napi_value undefined = nullptr;
    if (napi_get_undefined(env, &undefined) == napi_ok) napi_resolve_deferred(env, work->deferred, undefined);
  } else {
    const napi_value error = work->failure.error(env);
    if (error) napi_reject_deferred(env, work->deferred, error);
  }
  delete work;
}

}  // namespace

Napi::Value runAsync(Napi::Env env, std::function<incache_status()> body) {
  auto work = std::make_unique<Work>();
  work->body = std::move(body);
  napi_value promise, name;
  NAPI_THROW_IF_FAILED(env, napi_create_promise(env, &work->deferred, &promise), Napi::Value());
  NAPI_THROW_IF_FAILED(env, napi_create_string_utf8(env, "incache", NAPI_AUTO_LENGTH, &name), Napi::Value());
  NAPI_THROW_IF_FAILED(env, napi_create_async_work(env, nullptr, name, execute, complete, work.get(), &work->work), Napi::Value());
  NAPI_THROW_IF_FAILED(env, napi_queue_async_work(env, work->work), Napi::Value());
  work.release();
  return Napi::Value(env, promise);
}

}  // namespace incache_addon
