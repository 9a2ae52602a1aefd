// Made from src/plan/schema.ts by npm run plan:tables.
#pragma once

namespace incache {

enum class OpKind {
  linear,
  calibratedLinear,
  calibratedMlp,
  attention,
  layerNormModulate,
  patchify,
  unpatchify,
  timestepEmbedding,
  gatherRows,
  add,
  silu,
  gelu,
  rotate,
  gateResidual,
  channelStatistics,
  secondMoment,
  linearCombination,
  relativeDistance,
  convolution,
  norm,
};
// The kinds again, each with the name of its kernels in C++.
#define INCACHE_KINDS(X) \
  X(linear, Linear) X(calibratedLinear, CalibratedLinear) X(calibratedMlp, CalibratedMlp) X(attention, Attention) \
  X(layerNormModulate, LayerNormModulate) X(patchify, Patchify) X(unpatchify, Unpatchify) X(timestepEmbedding, TimestepEmbedding) \
  X(gatherRows, GatherRows) X(add, Add) X(silu, Silu) X(gelu, Gelu) X(rotate, Rotate) X(gateResidual, GateResidual) \
  X(channelStatistics, ChannelStatistics) X(secondMoment, SecondMoment) X(linearCombination, LinearCombination) \
  X(relativeDistance, RelativeDistance) X(convolution, Convolution) X(norm, Norm)

constexpr int kOpKinds = 20;

enum class Epilogue { none, gelu, geluErf, geluQuick, silu, gate, gateResidual, residual };

enum class Mask { none, causal };

enum class Form { tanh, erf, quick };

enum class Pairs { interleaved, halves };

enum class NormKind { layer, rms };

constexpr int kMostTerms = 4;

// Operands, those of them that are weights of products, attributes, and lists with the types of their items.
#define INCACHE_OPERANDS(X) \
  X(x) X(bias) X(gate) X(residual) X(store) X(out) X(cachedInput) X(cachedHidden) X(cachedOutput) X(cachedPreActivation) \
  X(q) X(k) X(v) X(keyBias) X(keyLengths) X(shift) X(scale) X(table) X(index) X(y) X(cos) X(sin) X(previous) \
  X(gain)

#define INCACHE_WEIGHTS(X) \
  X(weight)

#define INCACHE_COUNTS(X) \
  X(heads) X(queryLength) X(keyLength) X(channels) X(height) X(width) X(patch) X(norm) X(kernel) X(stride) \
  X(upsample) X(padTop) X(padBottom) X(padLeft) X(padRight) X(span) X(groups)

#define INCACHE_REALS(X) \
  X(attentionScale) X(epsilon) X(maxPeriod)

#define INCACHE_CHOICES(X) \
  X(Epilogue, epilogue) X(Mask, mask) X(Form, form) X(Pairs, pairs) X(NormKind, normKind)

#define INCACHE_LISTS(X) \
  X(FactorPair, factors) X(Term, terms)

}  // namespace incache
