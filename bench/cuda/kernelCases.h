// The kernels that carry the cost of a DiT, one by one.
#pragma once
#include "case.h"

namespace incache::cuda::bench {

inline Case kernelCase(const char *name, const std::string &shape, int64_t sequences, int64_t tokens, int64_t rank, double flops, double values,
                       std::function<Launch(Buffers &)> make) {
  return {"kernel", name, shape, sequences, tokens, rank, flops, 2 * values,
          [make = std::move(make)](Buffers &buffers) { return std::vector<Launch>{make(buffers)}; }};
}

// The linears of a block: q, k and v have factors of their own.
struct Layer {
  const char *name;
  int64_t depth, width, parts;
};

inline Case linearCase(const Layer &l, int64_t sequences, int64_t tokens) {
  const int64_t rows = sequences * tokens;
  const Epilogue epilogue = std::string(l.name) == "fc1" ? Epilogue::gelu : Epilogue::none;
  return kernelCase("linear", l.name, sequences, tokens, 0, 2.0 * static_cast<double>(rows * l.depth * l.width),
                    static_cast<double>(rows * l.depth + l.depth * l.width + rows * l.width), [=](Buffers &buffers) {
                      BoundOp b = bound(operation(OpKind::linear, epilogue));
                      b.x = buffers.half(rows, l.depth);
                      b.weight = buffers.weight(l.width, l.depth);
                      b.bias = buffers.full(1, l.width);
                      b.out = buffers.half(rows, l.width);
                      return Launch{&kLinear, b};
                    });
}

inline Case calibratedLinearCase(const Layer &l, int64_t sequences, int64_t tokens, int64_t rank) {
  const int64_t rows = sequences * tokens, factors = rank * (l.parts * l.depth + l.width);
  return kernelCase("calibratedLinear", l.name, sequences, tokens, rank, 2.0 * static_cast<double>(rows * factors),
                    static_cast<double>(2 * rows * (l.depth + l.width) + factors), [=](Buffers &buffers) {
                      BoundOp b = bound(operation(OpKind::calibratedLinear));
                      b.x = buffers.half(rows, l.depth);
                      b.cachedInput = buffers.half(rows, l.depth);
                      b.cachedOutput = buffers.half(rows, l.width);
                      for (int64_t part = 0; part < l.parts; part++) b.factors.push_back(buffers.pair(l.width / l.parts, l.depth, rank));
                      b.out = buffers.half(rows, l.width);
                      return Launch{&kCalibratedLinear, b};
                    });
}

inline Case calibratedMlpCase(int64_t sequences, int64_t tokens, int64_t width, int64_t rank) {
  const int64_t rows = sequences * tokens, hidden = 4 * width, factors = 2 * rank * (width + hidden);
  return kernelCase("calibratedMlp", "fc1, fc2", sequences, tokens, rank, 2.0 * static_cast<double>(rows * factors),
                    static_cast<double>(rows * (4 * width + hidden) + factors), [=](Buffers &buffers) {
                      BoundOp b = bound(operation(OpKind::calibratedMlp));
                      b.x = buffers.half(rows, width);
                      b.cachedInput = buffers.half(rows, width);
                      b.cachedPreActivation = buffers.half(rows, hidden);
                      b.cachedOutput = buffers.half(rows, width);
                      b.factors = {buffers.pair(hidden, width, rank), buffers.pair(width, hidden, rank)};
                      b.out = buffers.half(rows, width);
                      return Launch{&kCalibratedMlp, b};
                    });
}

inline Case attentionCase(int64_t sequences, int64_t tokens, int64_t width, int64_t heads) {
  const int64_t rows = sequences * tokens;
  return kernelCase("attention", std::to_string(heads) + " heads of " + std::to_string(width / heads), sequences, tokens, 0,
                    4.0 * static_cast<double>(rows * tokens * width), static_cast<double>(4 * rows * width), [=](Buffers &buffers) {
                      const Matrix qkv = buffers.half(rows, 3 * width);
                      return Launch{&kAttention, boundAttention(tokens, heads, width, qkv, buffers.half(rows, width))};
                    });
}

// From the residual stream in float32.
inline Case layerNormCase(int64_t sequences, int64_t tokens, int64_t width) {
  const int64_t rows = sequences * tokens;
  return kernelCase("layerNormModulate", "", sequences, tokens, 0, 0, static_cast<double>(3 * rows * width), [=](Buffers &buffers) {
    Op *op = operation(OpKind::layerNormModulate);
    op->epsilon = 1e-6;
    BoundOp b = bound(op);
    b.x = buffers.full(rows, width);
    b.shift = buffers.full(sequences, width);
    b.scale = buffers.full(sequences, width);
    b.out = buffers.half(rows, width);
    return Launch{&kLayerNormModulate, b};
  });
}

inline std::vector<Case> kernelCases(int64_t sequences, int64_t tokens, int64_t width, int64_t heads, const std::vector<int64_t> &ranks) {
  const Layer layers[] = {{"qkv", width, 3 * width, 3}, {"proj", width, width, 1}, {"fc1", width, 4 * width, 1}, {"fc2", 4 * width, width, 1}};
  std::vector<Case> cases;
  for (const Layer &layer : layers) cases.push_back(linearCase(layer, sequences, tokens));
  cases.push_back(attentionCase(sequences, tokens, width, heads));
  cases.push_back(layerNormCase(sequences, tokens, width));
  for (const int64_t rank : ranks) {
    for (const Layer &layer : layers) cases.push_back(calibratedLinearCase(layer, sequences, tokens, rank));
    cases.push_back(calibratedMlpCase(sequences, tokens, width, rank));
  }
  return cases;
}

}  // namespace incache::cuda::bench
