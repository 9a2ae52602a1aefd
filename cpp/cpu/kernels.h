// The table of kernels of one instruction set. Each operation is cut into tasks, no two of which write the same output. One
// thread computes a task from start to end, and shapes alone fix the order of every sum, so the bits do not depend on the
// number of threads.
#pragma once
#include "../core/bound.h"

namespace incache {

struct Kernel {
  int64_t (*tasks)(const BoundOp &, int64_t threads);
  // Bytes of scratch that one task needs.
  int64_t (*scratch)(const BoundOp &, int64_t threads);
  void (*run)(const BoundOp &, int64_t task, int64_t tasks, int64_t threads, char *scratch);
};

// The elements of a tensor that the caller gives.
struct Source {
  const void *at;
  incache_type type;
  int64_t stride;
};

struct KernelSet {
  const char *name;
  // Columns of a panel, and words that `rows` x `depth` take when packed.
  int64_t panel;
  int64_t (*packedWords)(int64_t rows, int64_t depth, incache_type type);
  // Packs the panels [first, last) of a weight of rows x depth.
  void (*pack)(const Source &weight, int64_t rows, int64_t depth, incache_type type, int64_t first, int64_t last, Word *panels);
  // Widens `count` elements.
  void (*widen)(const Source &from, int64_t count, float *to);
  // Runs multiply-adds on registers alone and returns how many floating-point operations they were.
  double (*peak)(int64_t rounds, incache_type type);
  // In the order of OpKind.
  Kernel kernels[kOpKinds];
};

// The best instruction set that this processor runs for weights of that type, or the lesser one that INCACHE_ISA asks for.
// All sets pack weights in the same way.
const KernelSet &chooseKernels(incache_type weights);

}  // namespace incache
