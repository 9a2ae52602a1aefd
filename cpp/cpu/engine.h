// The processor as a device.
#pragma once
#include "../core/engine.h"
#include "host.h"

namespace incache {

std::unique_ptr<Engine> cpuEngine(Host &host);

}  // namespace incache
