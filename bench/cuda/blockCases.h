// A transformer block of a DiT as a step runs it: in full; in full with its caches written; calibrated on them.
#pragma once
#include "case.h"

namespace incache::cuda::bench {

struct BlockShape {
  int64_t sequences, tokens, width, heads, rank;
  int64_t rows() const { return sequences * tokens; }
};

enum class BlockKind { full, gather, scatter };

// The operations of one block, in their order, on tensors of their own.
class BlockOps {
 public:
  BlockOps(Buffers &buffers, const BlockShape &shape, BlockKind kind)
      : buffers_(buffers), shape_(shape), kind_(kind), x_(buffers.full(shape.rows(), shape.width)),
        modulation_(buffers.full(shape.sequences, 6 * shape.width)) {
    attention();
    mlp();
  }
  std::vector<Launch> launches;

 private:
  Buffers &buffers_;
  const BlockShape &shape_;
  const BlockKind kind_;
  const Matrix x_, modulation_;

  void attention() {
    const int64_t d = shape_.width;
    const Matrix input = half(d), attended = half(d);
    normalise(0, input);
    Matrix qkv = half(3 * d);
    if (kind_ == BlockKind::scatter)
      calibrated(input, 3, qkv, {});
    else
      linear(input, qkv, Epilogue::none, false, {});
    launches.push_back({&kAttention, boundAttention(shape_.tokens, shape_.heads, d, qkv, attended)});
    if (kind_ == BlockKind::scatter)
      calibrated(attended, 1, x_, modulationOf(2));
    else
      linear(attended, x_, Epilogue::gateResidual, true, modulationOf(2));
  }

  void mlp() {
    const int64_t d = shape_.width;
    const Matrix input = half(d);
    normalise(3, input);
    if (kind_ == BlockKind::scatter) return calibratedMlp(input);
    const Matrix hidden = half(4 * d);
    linear(input, hidden, Epilogue::gelu, true, {});
    linear(hidden, x_, Epilogue::gateResidual, true, modulationOf(5));
  }

  Matrix half(int64_t columns) { return buffers_.half(shape_.rows(), columns); }
  Matrix modulationOf(int64_t place) const { return columnsOf(modulation_, place * shape_.width, shape_.width); }

  void normalise(int64_t place, const Matrix &out) {
    Op *op = operation(OpKind::layerNormModulate);
    op->epsilon = 1e-6;
    BoundOp b = bound(op);
    b.x = x_;
    b.shift = modulationOf(place);
    b.scale = modulationOf(place + 1);
    b.out = out;
    launches.push_back({&kLayerNormModulate, b});
  }

  // `stores`: a gathered step writes the output before its epilogue as well (without an epilogue the output is the cache).
  void linear(const Matrix &x, const Matrix &out, Epilogue epilogue, bool stores, const Matrix &gate) {
    BoundOp b = bound(operation(OpKind::linear, epilogue));
    b.x = x;
    b.weight = buffers_.weight(out.columns, x.columns);
    b.bias = buffers_.full(1, out.columns);
    if (stores && kind_ == BlockKind::gather) b.store = half(out.columns);
    finish(b, out, gate);
    launches.push_back({&kLinear, b});
  }

  void calibrated(const Matrix &x, int64_t parts, const Matrix &out, const Matrix &gate) {
    BoundOp b = bound(operation(OpKind::calibratedLinear, gate.at ? Epilogue::gateResidual : Epilogue::none));
    b.x = x;
    b.cachedInput = half(x.columns);
    b.cachedOutput = half(out.columns);
    for (int64_t part = 0; part < parts; part++) b.factors.push_back(buffers_.pair(out.columns / parts, x.columns, shape_.rank));
    finish(b, out, gate);
    launches.push_back({&kCalibratedLinear, b});
  }

  void calibratedMlp(const Matrix &x) {
    const int64_t d = shape_.width;
    BoundOp b = bound(operation(OpKind::calibratedMlp, Epilogue::gateResidual));
    b.x = x;
    b.cachedInput = half(d);
    b.cachedPreActivation = half(4 * d);
    b.cachedOutput = half(d);
    b.factors = {buffers_.pair(4 * d, d, shape_.rank), buffers_.pair(d, 4 * d, shape_.rank)};
    finish(b, x_, modulationOf(5));
    launches.push_back({&kCalibratedMlp, b});
  }

  void finish(BoundOp &b, const Matrix &out, const Matrix &gate) const {
    if (gate.at) b.residual = x_, b.gate = gate;
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
