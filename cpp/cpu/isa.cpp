// All kernels for one instruction set: this file is compiled once for each, with INCACHE_ISA_NAME its
// namespace, INCACHE_LANES floats a vector and INCACHE_STRIP rows of the micro-kernel. What it includes must
// have internal linkage or live in that namespace: the linker would otherwise keep one copy for all processors.
#include <algorithm>
#include <cmath>
#include <cstring>
#ifdef __AVX__
#include <immintrin.h>
#endif

#include "../core/bf16.h"
#include "../core/f16.h"
#include "kernels.h"

#define INCACHE_TEXT_(name) #name
#define INCACHE_TEXT(name) INCACHE_TEXT_(name)

namespace incache::INCACHE_ISA_NAME {
namespace {
#include "arithmetic.inc"
#include "rows.inc"
#include "microkernel.inc"
#include "packing.inc"
#include "blocks.inc"
#include "tile.inc"
#include "epilogue.inc"
#include "peak.inc"

#include "linear.inc"
#include "calibratedLinear.inc"
#include "calibratedMlp.inc"
#include "attention.inc"
#include "layerNormModulate.inc"
#include "patchify.inc"
#include "unpatchify.inc"
#include "timestepEmbedding.inc"
#include "gatherRows.inc"
#include "add.inc"
#include "silu.inc"
#include "gelu.inc"
#include "gateResidual.inc"
#include "channelStatistics.inc"
#include "secondMoment.inc"
#include "linearCombination.inc"
#include "relativeDistance.inc"
#include "convolution.inc"
#include "norm.inc"

template <class K>
constexpr Kernel kernel() {
  return {K::tasks, K::scratch, K::run};
}
}  // namespace

const KernelSet &kernels() {
  static constexpr KernelSet set = {
      INCACHE_TEXT(INCACHE_ISA_NAME), kPanel, packedWords, packPanels, widenSource, peak,
      {kernel<Linear>(), kernel<CalibratedLinear>(), kernel<CalibratedMlp>(), kernel<Attention>(), kernel<LayerNormModulate>(),
       kernel<Patchify>(), kernel<Unpatchify>(), kernel<TimestepEmbedding>(), kernel<GatherRows>(), kernel<Add>(),
       kernel<Silu>(), kernel<Gelu>(), kernel<GateResidual>(), kernel<ChannelStatistics>(), kernel<SecondMoment>(),
       kernel<LinearCombination>(), kernel<RelativeDistance>(), kernel<Convolution>(), kernel<Norm>()}};
  return set;
}

}  // namespace incache::INCACHE_ISA_NAME
