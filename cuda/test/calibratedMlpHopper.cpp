// calibratedMlp by the kernels of sm_90a against float64; and how they divide the hidden layer and shared memory.
#include "../calibratedMlpHopper.h"

#include "../calibrated/hopper.cuh"
#include "calibratedMlp.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

enum class By { one, middle };

void check(By by, MlpCase c) {
  c.computeCapability = 90;
  c.wholePieces = true;
  MlpTrial trial(c, false, c.type);
  expect(takesMlpMiddleHopper(trial.bound(), trial.chip()) && takesMlpHopper(trial.bound(), trial.chip()) == (by == By::one),
         "%s: other kernels would run", c.name);
  checkMlp(c);
}

// Whatever the shape. One multiprocessor has a block of any number of rows, and a hundred want the hidden layer shared out.
void checkRandomly(int count) {
  Random random(7);
  for (int i = 0; i < count; i++) {
    MlpCase c{"random", random.from(1, 150), random.from(1, 150), random.from(1, 256), random.from(1, 700), random.from(1, 256), random.from(1, 150)};
    const By by = i % 2 == 0 ? By::one : By::middle;
    c.multiprocessors = by == By::one ? 1 : 100;
    c.rankForm = random.from(0, 2) == 0;
    c.epilogue = random.from(0, 1) == 0 ? Epilogue::gateResidual : Epilogue::none;
    std::printf("%lld x %lld, %lld, %lld, %lld, %lld: ", static_cast<long long>(c.rows), static_cast<long long>(c.depth),
                static_cast<long long>(c.rank1), static_cast<long long>(c.hidden), static_cast<long long>(c.rank2), static_cast<long long>(c.columns));
    check(by, c);
  }
}

void testRefusals() {
  const MlpCase c{"refusals", 20, 72, 40, 136, 24, 72, 1};
  Tensor full(20, 136, INCACHE_F32, 8);
  Weight exact(40, 72, false), wide(300, 72, true), wideUp(136, 300, true);
  const auto taken = [&](auto takes, auto change, int computeCapability = 90) {
    MlpTrial trial(c, false, kHalfType);
    change(trial.bound());
    return takes(trial.bound(), Chip{computeCapability, 1, kHopperShared});
  };
  const auto nothing = [](BoundOp &) {};
  const auto preActivation = [&](BoundOp &b) { b.cachedPreActivation = full.matrix(); };
  const auto exactFactors = [&](BoundOp &b) { b.factors[0].down = exact.panels(); };
  const auto wideFactors = [&](BoundOp &b) { b.factors[0] = {wide.panels(), wideUp.panels()}; };
  for (auto takes : {takesMlpHopper, takesMlpMiddleHopper}) {
    expect(taken(takes, nothing), "what fits was not taken");
    expect(!taken(takes, nothing, 100) && !taken(takes, nothing, 89), "another chip");
    expect(!taken(takes, preActivation), "C(y1) in float32");
    expect(!taken(takes, exactFactors), "factors in float32");
    expect(!taken(takes, wideFactors), "300 ranks");
  }
  for (auto change : {+[](BoundOp &b, Matrix m) { b.x = m; }, +[](BoundOp &b, Matrix m) { b.cachedInput = m; },
                      +[](BoundOp &b, Matrix m) { b.cachedOutput = m; }}) {
    const auto inFloat = [&](BoundOp &b) { change(b, full.columnsFrom(0, 72)); };
    expect(!taken(takesMlpHopper, inFloat) && taken(takesMlpMiddleHopper, inFloat), "an operand in float32");
  }
}

void testBudget() {
  const struct {
    int ranks, stages, middleStages;
  } budgets[] = {{64, 5, 6}, {128, 4, 4}, {192, 2, 2}, {256, 2, 2}};
  for (const auto &[ranks, stages, middleStages] : budgets) {
    const int hidden = mlpHiddenBytes(ranks), whole = mlpStageBytes(ranks), middle = mlpMiddleStageBytes(ranks);
    expect(ringStages(whole, hidden) == stages && ringStages(middle, hidden) == middleStages, "stages for %d ranks", ranks);
    expect(hidden + ringBytes(whole, hidden) <= kHopperShared && hidden + ringBytes(middle, hidden) <= kHopperShared, "%d ranks", ranks);
    expect(hidden % 1024 == 0 && whole % 1024 == 0 && middle % 1024 == 0, "where the swizzle begins for %d ranks", ranks);
    expect(whole >= calibratedStageBytes(ranks) && whole >= middle, "a stage holds what passes through it");
    // Boxes: all ranks of Wb, 64 rows of Wa, 128 of an activation.
    for (const int rows : {ranks, 64, 128}) expect(fitsTensorMap({nullptr, 4608, 1152, 1152, rows, kBoxColumns}), "a box of %d rows", rows);
  }
}

// Every tile of the hidden layer is in one part, no part is empty, and the multiprocessors are not asked for more than one block each
// where that can be helped.
void testParts() {
  for (const int64_t rows : {1, 128, 129, 512, 4096, 16384})
    for (const int64_t hidden : {1, 64, 65, 512, 3000, 4608})
      for (const int multiprocessors : {1, 3, 78, 132}) {
        const auto [tiles, parts] = mlpParts(rows, hidden, multiprocessors);
        const int64_t all = divideUp(hidden, kMlpTileColumns), blocks = divideUp(rows, 128);
        expect(static_cast<int64_t>(tiles) * parts >= all && static_cast<int64_t>(tiles) * (parts - 1) < all, "%lld tiles in %d parts of %d",
               static_cast<long long>(all), parts, tiles);
        expect(parts == 1 || (parts * blocks <= multiprocessors && tiles >= 4), "%d parts of %d tiles", parts, tiles);
      }
  expect(mlpParts(4096, 4608, 132).parts == 4, "DiT-XL/2 at 16 images");
}

}  // namespace

int main() {
  testBudget();
  testParts();
  requireHopper("calibratedMlpHopper");
  testRefusals();
  //                      name                    rows depth r1  hidden r2 columns
  check(By::one, {"one", 70, 72, 40, 200, 24, 72, 1});
  check(By::one, {"one, blocks after each other", 300, 75, 65, 133, 90, 70, 2});
  check(By::one, {"one, all ranks", 130, 64, 256, 130, 192, 66, 1});
  check(By::middle, {"middle", 70, 72, 40, 200, 24, 72});
  check(By::middle, {"middle, parts of both depths", 135, 600, 40, 1100, 72, 136});
  check(By::middle, {"middle, all ranks", 40, 72, 192, 530, 256, 72});
  MlpCase inFloat{"middle in one part, float32 input", 150, 75, 128, 300, 100, 70, 1};
  inFloat.floatInput = true;
  check(By::middle, inFloat);
  checkRandomly(8);
  std::puts("calibratedMlpHopper: all passed");
}
