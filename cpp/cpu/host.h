// The processor's part in every device: kernels of its instruction set, and threads. It runs the plans of the cpu, and
// prepares the weights of other devices.
#pragma once
#include "kernels.h"
#include "memory.h"
#include "pool.h"

namespace incache {

struct Host {
  const KernelSet &kernels;
  Pool pool;
  PageSource pages{};
};

}  // namespace incache
