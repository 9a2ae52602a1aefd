// A transformer block of a DiT as a step runs it: in full; in full with its caches written; calibrated on them.
#pragma once
#include "case.h"

namespace incache::cuda::bench {

struct BlockShape {
  int64_t sequences, tokens, width, heads, rank;
  int64_t rows() const { return sequences * tokens; }
};

enum class BlockKind { full, gather, scatter };

// What the blocks of a step share: the residual stream, and what is needed within a block alone.
struct BlockStream {
  Matrix x, input, qkv, attended, hidden;

  BlockStream(Buffers &buffers, const BlockShape &s)
      : x(buffers.full(s.rows(), s.width)), input(buffers.half(s.rows(), s.width)), qkv(buffers.half(s.rows(), 3 * s.width)),
        attended(buffers.half(s.rows(), s.width)), hidden(buffers.half(s.rows(), 4 * s.width)) {}
};

// What a gathered step of a block leaves to calibrated ones.
struct BlockCaches {
  Matrix input, qkv, attended, projected, mlpInput, preActivation, output;

  BlockCaches() = default;
  BlockCaches(Buffers &buffers, const BlockShape &s) {
    for (Matrix *m : {&input, &attended, &projected, &mlpInput, &output}) *m = buffers.half(s.rows(), s.width);
    qkv = buffers.half(s.rows(), 3 * s.width);
    preActivation = buffers.half(s.rows(), 4 * s.width);
  }
};

// The operations of one block, in their order, with weights and modulation of its own.
class BlockOps {
 public:
  BlockOps(Buffers &buffers, const BlockShape &shape, BlockKind kind, const BlockStream &stream, const BlockCaches &caches)
      : buffers_(buffers), shape_(shape), kind_(kind), s_(stream), c_(caches), modulation_(buffers.full(shape.sequences, 6 * shape.width)) {
    attention();
    mlp();
  }
  // On tensors of its own.
  BlockOps(Buffers &buffers, const BlockShape &shape, BlockKind kind)
      : BlockOps(buffers, shape, kind, BlockStream(buffers, shape), kind == BlockKind::full ? BlockCaches() : BlockCaches(buffers, shape)) {}
  std::vector<Launch> launches;

 private:
  Buffers &buffers_;
  const BlockShape &shape_;
  const BlockKind kind_;
  const BlockStream s_;
  const BlockCaches c_;
  const Matrix modulation_;

  bool scatters() const { return kind_ == BlockKind::scatter; }
  // Gathered steps write their caches where full ones write what they need within the block.
  const Matrix &written(const Matrix &own, const Matrix &cache) const { return kind_ == BlockKind::gather ? cache : own; }
  Matrix modulationOf(int64_t place) const { return columnsOf(modulation_, place * shape_.width, shape_.width); }

  void attention() {
    const Matrix input = written(s_.input, c_.input), qkv = written(s_.qkv, c_.qkv), attended = written(s_.attended, c_.attended);
    normalise(0, input);
    if (scatters())
      calibrated(input, c_.input, c_.qkv, 3, qkv, {});
    else
      linear(input, qkv, Epilogue::none, {}, {});
    launches.push_back({&kAttention, boundAttention(shape_.tokens, shape_.heads, shape_.width, qkv, attended)});
    if (scatters())
      calibrated(attended, c_.attended, c_.projected, 1, s_.x, modulationOf(2));
    else
      linear(attended, s_.x, Epilogue::gateResidual, c_.projected, modulationOf(2));
  }

  void mlp() {
    const Matrix input = written(s_.input, c_.mlpInput);
    normalise(3, input);
    if (scatters()) return calibratedMlp(input);
    linear(input, s_.hidden, Epilogue::gelu, c_.preActivation, {});
    linear(s_.hidden, s_.x, Epilogue::gateResidual, c_.output, modulationOf(5));
  }

  void normalise(int64_t place, const Matrix &out) {
    Op *op = operation(OpKind::layerNormModulate);
    op->epsilon = 1e-6;
    BoundOp b = bound(op);
    b.x = s_.x;
    b.shift = modulationOf(place);
    b.scale = modulationOf(place + 1);
    b.out = out;
    launches.push_back({&kLayerNormModulate, b});
  }

  // `store`: where a gathered step writes the output before its epilogue as well (without an epilogue the output is the cache).
  void linear(const Matrix &x, const Matrix &out, Epilogue epilogue, const Matrix &store, const Matrix &gate) {
    BoundOp b = bound(operation(OpKind::linear, epilogue));
    b.x = x;
    b.weight = buffers_.weight(out.columns, x.columns);
    b.bias = buffers_.full(1, out.columns);
    if (kind_ == BlockKind::gather) b.store = store;
    finish(b, out, gate);
    launches.push_back({&kLinear, b});
  }

  void calibrated(const Matrix &x, const Matrix &cachedInput, const Matrix &cachedOutput, int64_t parts, const Matrix &out, const Matrix &gate) {
    BoundOp b = bound(operation(OpKind::calibratedLinear, gate.at ? Epilogue::gateResidual : Epilogue::none));
    b.x = x;
    b.cachedInput = cachedInput;
    b.cachedOutput = cachedOutput;
    for (int64_t part = 0; part < parts; part++) b.factors.push_back(buffers_.pair(out.columns / parts, x.columns, shape_.rank));
    finish(b, out, gate);
    launches.push_back({&kCalibratedLinear, b});
  }

  void calibratedMlp(const Matrix &x) {
    const int64_t d = shape_.width;
    BoundOp b = bound(operation(OpKind::calibratedMlp, Epilogue::gateResidual));
    b.x = x;
    b.cachedInput = c_.mlpInput;
    b.cachedPreActivation = c_.preActivation;
    b.cachedOutput = c_.output;
    b.factors = {buffers_.pair(4 * d, d, shape_.rank), buffers_.pair(d, 4 * d, shape_.rank)};
    finish(b, s_.x, modulationOf(5));
    launches.push_back({&kCalibratedMlp, b});
  }

  void finish(BoundOp &b, const Matrix &out, const Matrix &gate) const {
    if (gate.at) b.residual = s_.x, b.gate = gate;
    b.out = out;
  }
};

// Of all matrix products.
inline double blockFlops(const BlockShape &s, BlockKind kind) {
  const double rows = static_cast<double>(s.rows()), d = static_cast<double>(s.width);
  const double attention = 4 * rows * static_cast<double>(s.tokens) * d;
  return attention + (kind == BlockKind::scatter ? 36 * rows * static_cast<double>(s.rank) * d : 24 * rows * d * d);
}

inline Case blockCase(const BlockShape &shape, BlockKind kind) {
  constexpr const char *kNames[] = {"full", "gather", "scatter"};
  return {"block", kNames[static_cast<int>(kind)], "", shape.sequences, shape.tokens, kind == BlockKind::scatter ? shape.rank : 0,
          blockFlops(shape, kind), 0, [=](Buffers &buffers) { return BlockOps(buffers, shape, kind).launches; }};
}

inline std::vector<Case> blockCases(int64_t sequences, int64_t tokens, int64_t width, int64_t heads, const std::vector<int64_t> &ranks) {
  std::vector<Case> cases = {blockCase({sequences, tokens, width, heads, 0}, BlockKind::full),
                             blockCase({sequences, tokens, width, heads, 0}, BlockKind::gather)};
  for (const int64_t rank : ranks) cases.push_back(blockCase({sequences, tokens, width, heads, rank}, BlockKind::scatter));
  return cases;
}

}  // namespace incache::cuda::bench
