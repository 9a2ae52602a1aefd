// A GPU as a device, through the CUDA plugin.
#pragma once
#include "../cpu/host.h"
#include "engine.h"

namespace incache {

struct DeviceFacts;

// Both throw an Error (INCACHE_ABSENT) with the reason if there is no such GPU or it cannot be used.
// `host` prepares weights, and must outlive the engine.
std::unique_ptr<Engine> cudaEngine(int index, Host &host);
DeviceFacts describeGpu(int index);

}  // namespace incache
