// Work on a thread of Node's pool, as a promise.
#pragma once
#include <functional>

#include "handles.h"

namespace incache_addon {

// Runs `body` off the script's thread; the promise is fulfilled, or rejected with the library's sentence and status. `body` must
// touch nothing of the script, not even the memory of its arrays: scripts transfer, resize and drop them meanwhile.
Napi::Value runAsync(Napi::Env env, std::function<incache_status()> body);

}  // namespace incache_addon
