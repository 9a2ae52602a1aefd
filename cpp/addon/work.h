// Work on a thread of Node's pool, as a promise.
#pragma once
#include <functional>

#include "handles.h"

namespace incache_addon {

// Runs `body` off the script's thread; the promise is fulfilled, or rejected with the library's sentence and status.
// kept: a value of the script that must not be collected before the work has ended, or an empty one.
Napi::Value runAsync(Napi::Env env, std::function<incache_status()> body, Napi::Value kept);

}  // namespace incache_addon
