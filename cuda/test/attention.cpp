// attention against float64, and the algebra of its softmax by itself.
#include <algorithm>
#include <memory>

#include "../attention/softmax.h"
#include "check.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

// ---- Softmax block by block ----------------------------------------------------------------------------------------

// sum of softmax(scale scores)[j] values[j], over blocks that end at `ends`.
double mergedMean(const std::vector<float> &scores, const std::vector<float> &values, float scale, const std::vector<size_t> &ends) {
  const float rate = scale * 1.44269504f;
  OnlineRow row;
  float sum = 0;
  size_t first = 0;
  for (const size_t end : ends) {
    float largest = -INFINITY;
    for (size_t j = first; j < end; j++) largest = std::fmax(largest, scores[j]);
    const float shrink = std::exp2(row.join(largest, rate));
    row.total *= shrink;
    sum *= shrink;
    for (size_t j = first; j < end; j++) {
      const float weight = std::exp2(row.exponentOf(scores[j], rate));
      row.total += weight;
      sum += weight * values[j];
    }
    first = end;
  }
  return sum / row.total;
}

double meanAtOnce(const std::vector<float> &scores, const std::vector<float> &values, double scale) {
  double largest = -INFINITY, total = 0, sum = 0;
  for (const float score : scores) largest = std::fmax(largest, static_cast<double>(score));
  for (size_t j = 0; j < scores.size(); j++) {
    const double weight = std::exp(scale * (static_cast<double>(scores[j]) - largest));
    total += weight;
    sum += weight * static_cast<double>(values[j]);
  }
  return sum / total;
}

std::vector<size_t> anySplit(Random &random, size_t count) {
  std::vector<size_t> ends;
  // Empty blocks among them.
  for (size_t end = 0; end < count; end += static_cast<size_t>(random.from(0, 9))) ends.push_back(end);
  ends.push_back(count);
  return ends;
}

void checkMerging(const char *name, const std::vector<float> &scores, float scale) {
  Random random(11);
  std::vector<float> values(scores.size());
  for (float &value : values) value = 2 + random.value();
  const double expected = meanAtOnce(scores, values, static_cast<double>(scale));
  for (int trial = 0; trial < 200; trial++) {
    const double merged = mergedMean(scores, values, scale, anySplit(random, scores.size()));
    expect(std::fabs(merged - expected) <= 3e-6 * expected, "softmax, %s: merging gives %.9g; expected %.9g", name, merged, expected);
  }
}

void checkSoftmax() {
  Random random(3);
  std::vector<float> scores(61);
  for (float &score : scores) score = 4 * random.value();
  checkMerging("random scores", scores, 0.7f);
  checkMerging("a small scale", scores, 1e-6f);
  std::sort(scores.begin(), scores.end());
  checkMerging("rising scores", scores, 0.7f);
  std::reverse(scores.begin(), scores.end());
  checkMerging("falling scores", scores, 0.7f);
  checkMerging("equal scores", std::vector<float>(61, -3.5f), 0.7f);
  checkMerging("huge equal scores", std::vector<float>(61, 1e30f), 0.5f);
  for (const size_t place : {size_t{0}, size_t{30}, size_t{60}}) {
    std::vector<float> one = scores;
    one[place] = 1e6f;
    checkMerging("one huge score", one, 0.7f);
    std::fill(one.begin(), one.end(), -INFINITY);
    one[place] = -2;
    checkMerging("all but one padded", one, 0.7f);
  }
  for (size_t j = 0; j < 20; j++) scores[j] = scores[60 - j] = -INFINITY;
  checkMerging("padding on both sides", scores, 0.7f);
}

// ---- The kernels -----------------------------------------------------------------------------------------------------

struct Case {
  const char *name;
  int64_t images, heads, width, queries, keys;
  incache_type type = kHalf;
  // Other than `type` for keys and values; for the output.
  incache_type keyType = kHalf, outType = kHalf;
  int64_t margin = 8;
  bool fused = false;    // q, k and v are columns of one buffer
  bool lengths = false;  // some keys of each image are not attended to
  float size = 1;        // of queries: how far scores are apart
  bool bias = false, keyBias = false, causal = false;
};

class Trial {
 public:
  explicit Trial(const Case &c)
      : case_(c), columns_(c.heads * c.width), out_(c.images * c.queries, columns_, c.outType, c.margin),
        lengths_(2 * c.images) {
    Random random(5);
    op_.heads = c.heads, op_.queryLength = c.queries, op_.keyLength = c.keys;
    op_.attentionScale = 1 / std::sqrt(static_cast<double>(c.width));
    bound_.op = &op_;
    if (c.fused) {
      q_ = std::make_unique<Tensor>(c.images * c.queries, 3 * columns_, c.type, c.margin);
      q_->fill(random);
      bound_.q = q_->columnsFrom(0, columns_), bound_.k = q_->columnsFrom(columns_, columns_);
      bound_.v = q_->columnsFrom(2 * columns_, columns_);
    } else {
      q_ = std::make_unique<Tensor>(c.images * c.queries, columns_, c.type, c.margin);
      k_ = std::make_unique<Tensor>(c.images * c.keys, columns_, c.keyType, c.margin);
      v_ = std::make_unique<Tensor>(c.images * c.keys, columns_, c.keyType, c.margin);
      q_->fill(random, c.size), k_->fill(random, 2), v_->fill(random);
      bound_.q = q_->matrix(), bound_.k = k_->matrix(), bound_.v = v_->matrix();
    }
    bound_.out = out_.matrix();
    if (c.lengths) giveLengths(random);
    if (c.causal) op_.mask = Mask::causal;
    if (c.bias) {
      bias_ = std::make_unique<Tensor>(c.heads * c.queries, c.keys, kFloat, c.margin);
      bound_.bias = bias_->fill(random, 3).matrix();
    }
    if (c.keyBias) {
      keyBias_ = std::make_unique<Tensor>(c.images, c.keys, c.type, c.margin);
      bound_.keyBias = keyBias_->fill(random).matrix();
      for (int64_t image = 0; image < c.images; image++)
        for (int64_t key = 1; key < c.keys; key += 2) keyBias_->set(image, key, -INFINITY);
    }
  }

  void run() { test::run(kAttention, bound_); }
  bool bordersIntact() const { return out_.bordersIntact(); }
  double error() const { return relativeL2(out_, expected()); }
  std::vector<double> output() const {
    std::vector<double> values;
    for (int64_t i = 0; i < out_.rows(); i++)
      for (int64_t j = 0; j < out_.columns(); j++) values.push_back(out_.at(i, j));
    return values;
  }
  // A length that no plan should give: held to what is there.
  void setLength(int64_t image, int32_t length) { lengths_[2 * image] = length; }
  void fillAllKeys() {
    Random random(6);
    k_->fill(random), v_->fill(random);
  }

 private:
  // Keys past an image's length are NaN: whatever reads them shows.
  void giveLengths(Random &random) {
    for (int64_t image = 0; image < case_.images; image++) {
      const int64_t length = image == 0 ? 1 : image == 1 ? case_.keys : random.from(1, case_.keys);
      setLength(image, static_cast<int32_t>(length));
      for (int64_t key = length; key < case_.keys; key++)
        for (int64_t j = 0; j < columns_; j++) {
          k_->set(image * case_.keys + key, j, NAN);
          v_->set(image * case_.keys + key, j, NAN);
        }
    }
    bound_.keyLengths = {lengths_.data(), 2, case_.images, 1, kFloat};
  }

  int64_t lengthOf(int64_t image) const {
    const int64_t given = case_.lengths ? lengths_[2 * image] : case_.keys;
    return std::max<int64_t>(1, std::min(given, case_.keys));
  }

  // What the kernel takes of an operand, row by row: tensor cores have Half alone.
  std::vector<double> taken(const Tensor &m) const {
    std::vector<double> values = valuesOf(m);
    if (case_.type == kHalf && case_.width <= 256)
      for (double &value : values) value = roundedHalf(value);
    return values;
  }

  std::vector<double> expected() const {
    const int64_t width = case_.width, stride = (case_.fused ? 3 : 1) * columns_, keysFrom = case_.fused ? columns_ : 0;
    const std::vector<double> q = taken(*q_), k = case_.fused ? q : taken(*k_), v = case_.fused ? q : taken(*v_);
    std::vector<double> result(static_cast<size_t>(out_.rows() * columns_));
    for (int64_t row = 0; row < out_.rows(); row++)
      for (int64_t first = 0; first < columns_; first += width) {
        const int64_t image = row / case_.queries, query = row % case_.queries, firstKey = image * case_.keys;
        const int64_t count = case_.causal ? std::min(lengthOf(image), query + 1) : lengthOf(image);
        std::vector<double> scores(static_cast<size_t>(count));
        double largest = -INFINITY, total = 0;
        for (int64_t key = 0; key < count; key++) {
          const double *queryAt = &q[static_cast<size_t>(row * stride + first)];
          const double *keyAt = &k[static_cast<size_t>((firstKey + key) * stride + keysFrom + first)];
          double score = 0;
          for (int64_t j = 0; j < width; j++) score += queryAt[j] * keyAt[j];
          score *= op_.attentionScale;
          if (bias_) score += bias_->at(first / width * case_.queries + query, key);
          if (keyBias_) score += keyBias_->at(image, key);
          largest = std::fmax(largest, score);
          scores[static_cast<size_t>(key)] = score;
        }
        for (double &score : scores) total += score = std::exp(score - largest);
        double *resultAt = &result[static_cast<size_t>(row * columns_ + first)];
        for (int64_t key = 0; key < count; key++) {
          const double weight = scores[static_cast<size_t>(key)] / total;
          const double *valueAt = &v[static_cast<size_t>((firstKey + key) * stride + 2 * keysFrom + first)];
          for (int64_t j = 0; j < width; j++) resultAt[j] += weight * valueAt[j];
        }
      }
    return result;
  }

  const Case case_;
  const int64_t columns_;
  std::unique_ptr<Tensor> q_, k_, v_, bias_, keyBias_;
  Tensor out_;
  Array<int32_t> lengths_;  // every second one
  Op op_{};
  BoundOp bound_{};
};

void check(const Case &c) {
  Trial trial(c);
  trial.run();
  const double error = trial.error(), most = c.type == kHalf ? halfBound(4e-3) : 1e-5;
  std::printf("%s, width %lld: %.1e\n", c.name, static_cast<long long>(c.width), error);
  expect(error <= most, "%s, width %lld: off by %.2e", c.name, static_cast<long long>(c.width), error);
  expect(trial.bordersIntact(), "%s: written outside of the output", c.name);
  const std::vector<double> first = trial.output();
  trial.run();
  expect(trial.output() == first, "%s: two runs differ", c.name);
}

void checkWrongLengths(const Case &c) {
  Trial trial(c);
  trial.fillAllKeys();
  trial.setLength(0, 0);
  trial.setLength(1, 1 << 30);
  trial.setLength(2, -5);
  trial.run();
  expect(trial.error() <= halfBound(4e-3), "%s: wrong lengths are not held to what is there", c.name);
}

Case with(Case c, incache_type type, incache_type keyType, incache_type outType, int64_t margin) {
  c.type = type, c.keyType = keyType, c.outType = outType, c.margin = margin;
  return c;
}

}  // namespace

int main() {
  checkSoftmax();

  // Enough blocks for the large tiles on three multiprocessors, then too few.
  for (const int64_t width : {64, 72, 96, 128, 256}) {
    check({"large tiles", 2, 3, width, 131, 70});
    check({"small tiles", 1, 2, width, 67, 150});
  }
  for (const int64_t width : {8, 16, 24, 40, 80, 104, 160, 248}) check({"between", 1, 2, width, 19, 67});
  for (const int64_t width : {1, 7, 36, 63, 65, 75, 100, 130, 255}) check({"odd", 1, 2, width, 33, 65});
  for (const int64_t width : {257, 300}) check({"wide", 1, 1, width, 20, 70});

  Case fused{"fused", 2, 4, 72, 130, 130};
  fused.fused = true;
  check(fused);
  fused.margin = 3;
  check(fused);
  check({"one key", 1, 2, 72, 16, 1});
  check({"one query", 1, 2, 72, 1, 16});
  check({"whole tiles", 1, 1, 72, 64, 128});
  check({"many keys", 1, 1, 72, 16, 2000});
  // Blocks of several tiles each, more keys than a ring holds at a time.
  for (const int64_t width : {64, 72, 80, 96, 128}) check({"many tiles", 1, 7, width, 140, 600});

  Case lengths{"lengths", 4, 2, 72, 20, 150};
  lengths.lengths = true;
  check(lengths);
  checkWrongLengths(lengths);
  lengths.queries = 135;
  for (const int64_t width : {64, 72, 128}) {
    lengths.width = width;
    check(lengths);
  }
  lengths.width = 200;
  check(lengths);
  check(with(lengths, kFloat, kFloat, kFloat, 8));
  lengths.width = 36, lengths.margin = 5;
  check(lengths);

  for (const incache_type type : {kHalf, kFloat})
    for (const int64_t width : {64, 72, 75, 128, 200}) {
      Case biased{"bias", 2, 3, width, 67, 150};
      biased.type = biased.keyType = biased.outType = type;
      biased.bias = true;
      check(biased);
      biased.name = "causal, keys masked", biased.causal = biased.keyBias = true;
      check(biased);
      biased.name = "causal alone", biased.bias = biased.keyBias = false, biased.queries = 200;
      check(biased);
    }
  Case masked{"bias, lengths", 4, 2, 64, 20, 150};
  masked.lengths = masked.bias = masked.keyBias = true;
  check(masked);

  // One key outweighs all others; all weigh the same.
  Case size{"far apart", 1, 2, 72, 40, 140};
  size.size = 200;
  check(size);
  size.name = "equal", size.size = 0;
  check(size);

  const Case plain{"types", 1, 2, 72, 40, 70};
  check(with(plain, kHalf, kHalf, kFloat, 8));
  check(with(plain, kHalf, kFloat, kHalf, 8));
  check(with(plain, kHalf, kHalf, kHalf, 1));
  for (const int64_t width : {1, 16, 72, 75, 130, 300}) {
    check(with({"exact", 2, 2, width, 70, 131}, kFloat, kFloat, kFloat, 3));
    check(with({"exact", 1, 2, width, 17, 5}, kFloat, kHalf, kFloat, 0));
  }
  std::puts("attention: all passed");
}
