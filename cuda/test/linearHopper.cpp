// The linear for sm_90a against float64, and how it is divided into tiles and stages.
#include "../common/stageRing.cuh"
#include "../linearHopper.h"
#include "check.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

constexpr incache_type kHalf = kHalfType, kFloat = INCACHE_F32;

constexpr HopperForm kForms[] = {{128, 64, false}, {128, 128, false}, {128, 192, false}, {128, 256, false},
                                 {128, 128, true}, {128, 96, false},  {64, 64, false},   {64, 96, false}};

// ---- Tiles and stages ------------------------------------------------------------------------------------------------------

void testTiles() {
  for (const HopperTiles tiles : {HopperTiles{1, 1}, HopperTiles{3, 5}, HopperTiles{8, 4}, HopperTiles{19, 7}, HopperTiles{32, 18}}) {
    std::vector<int> seen(static_cast<size_t>(tiles.count()));
    for (int i = 0; i < tiles.count(); i++) {
      const HopperTiles::Place place = tiles.at(i);
      expect(place.row >= 0 && place.row < tiles.rows && place.column >= 0 && place.column < tiles.columns, "tile %d is outside", i);
      expect(seen[static_cast<size_t>(place.row * tiles.columns + place.column)]++ == 0, "tile %d came twice", i);
    }
  }
  const HopperTiles::Place ninth = HopperTiles{19, 7}.at(8);
  expect(ninth.row == 0 && ninth.column == 1, "tiles go down eight rows, then to the next column");
}

bool isForm(const HopperForm &form, int rows, int columns, bool alternates = false) {
  return form.rows == rows && form.columns == columns && form.alternates == alternates;
}

void testChoice() {
  constexpr Chip kChip{90, 132, 227 << 10, kAllUnproven}, kProven{90, 132, 227 << 10};
  // 8,192 rows on 132 multiprocessors. A depth that is passed quickly: finishing is worth hiding.
  expect(isForm(chooseHopperForm(8192, 1152, 4608, kChip), 128, 128, true), "4608 columns");
  expect(isForm(chooseHopperForm(8192, 1152, 3456, kChip), 128, 128, true), "3456 columns");
  expect(isForm(chooseHopperForm(8192, 1152, 3456, kProven), 128, 256), "3456 columns without alternating");
  // A long one: few turns whose last is full.
  expect(isForm(chooseHopperForm(8192, 4608, 1152, kChip), 128, 192), "a depth of 4608");
  // Where all tiles fit at once, the smallest are done first.
  expect(isForm(chooseHopperForm(16, 1152, 6912, kChip), 64, 64), "a few rows");
  expect(isForm(chooseHopperForm(16, 1152, 6912, kProven), 128, 64), "a few rows, by kernels that a GPU has compared");
  expect(isForm(chooseHopperForm(1 << 20, 8192, 4096, kChip), 128, 256), "many rows, a great depth");
  // One to four images, where larger tiles leave multiprocessors idle.
  expect(isForm(chooseHopperForm(256, 4608, 1152, kChip), 64, 64), "fc2 of 256 rows");
  expect(isForm(chooseHopperForm(512, 4608, 1152, kChip), 64, 96), "fc2 of 512 rows");
  expect(isForm(chooseHopperForm(1024, 1152, 1152, kChip), 128, 96), "proj of 1,024 rows");
  expect(isForm(chooseHopperForm(512, 4608, 1152, kProven), 128, 64), "fc2 of 512 rows, by kernels that a GPU has compared");
  for (int64_t rows = 1; rows < 5000; rows += 97)
    for (int64_t columns = 1; columns < 5000; columns += 89) {
      const HopperForm form = chooseHopperForm(rows, rows + columns, columns, kChip), proven = chooseHopperForm(rows, rows + columns, columns, kProven);
      const auto isOne = [](const HopperForm &f) {
        return std::any_of(std::begin(kForms), std::end(kForms), [&](const HopperForm &of) { return isForm(of, f.rows, f.columns, f.alternates); });
      };
      expect(isOne(form), "tiles of %d x %d", form.rows, form.columns);
      expect(isOne(proven) && proven.rows == 128 && proven.columns != 96 && !proven.alternates, "tiles of %d x %d", proven.rows, proven.columns);
    }
}

void testRing() {
  const int stages[] = {8, 7, 5, 4, 7, 8, 8, 8};
  for (int i = 0; i < 8; i++) {
    const auto [rows, columns, alternates] = kForms[i];
    const int bytes = hopperStageBytes(rows, columns);
    expect(ringStages(bytes) == stages[i], "%d stages for %d columns", ringStages(bytes), columns);
    expect(ringBytes(bytes) <= 227 << 10, "%d columns: too much shared memory", columns);
    expect(2 * 8 * ringStages(bytes) <= kRingBarrierBytes, "%d columns: too many barriers", columns);
    // Both boxes of every stage are at multiples of 1,024 bytes, where the swizzle begins.
    expect(bytes % 1024 == 0 && hopperStageBytes(rows, 0) % 1024 == 0, "%d columns: stages are not aligned", columns);
  }
}

// ---- The linear ----------------------------------------------------------------------------------------------------------------

struct Case {
  int64_t rows, depth, columns;
  int multiprocessors;
  Epilogue epilogue = Epilogue::none;
  bool store = false, fours = true;
  incache_type out = kHalf;
};

void testLinear(const HopperForm &form, const Case &c) {
  char name[100];
  std::snprintf(name, sizeof name, "linear %d x %d x %d, epilogue %d, %s tiles of %d x %d", static_cast<int>(c.rows), static_cast<int>(c.depth),
                static_cast<int>(c.columns), static_cast<int>(c.epilogue), form.alternates ? "alternating" : "shared", form.rows,
                form.columns);
  Random random(17);
  const int64_t images = c.epilogue == Epilogue::gate ? c.rows : c.rows % 3 == 0 ? 3 : 1, margin = c.fours ? 4 : 3, width = c.fours ? roundUp(c.columns, 4) : c.columns;
  const int64_t pad = roundUp(c.depth, 8);
  Tensor x(c.rows, pad, kHalf, 8), bias(1, width, kFloat, margin), store(c.rows, width, kHalf, margin), out(c.rows, width, c.out, margin);
  Tensor residual(c.rows, width, c.out, margin), gate(images, width, kFloat, margin);
  Weight weight(c.columns, c.depth, true);
  std::vector<double> given;
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t k = 0; k < c.depth; k++) {  // NaN beyond the depth
      x.set(i, k, random.value());
      given.push_back(x.at(i, k));
    }
  weight.fill(random, 1 / std::sqrt(static_cast<float>(c.depth)));
  bias.fill(random);
  residual.fill(random);
  gate.fill(random);
  Op op{};
  op.epilogue = c.epilogue;
  BoundOp b{};
  b.op = &op;
  b.x = x.columnsFrom(0, c.depth);
  b.weight = weight.panels();
  b.bias = bias.columnsFrom(0, c.columns);
  if (c.store) b.store = store.columnsFrom(0, c.columns);
  if (c.epilogue == Epilogue::gateResidual) b.residual = residual.columnsFrom(0, c.columns);
  if (takesGate(c.epilogue)) b.gate = gate.columnsFrom(0, c.columns);
  b.out = out.columnsFrom(0, c.columns);
  const auto run = [&] {
    expect(launchHopperForm(form, b, hopperContext(c.multiprocessors)), "%s: not taken", name);
    finishRun(name);
    std::vector<float> got;
    for (int64_t i = 0; i < c.rows; i++)
      for (int64_t j = 0; j < c.columns; j++) got.push_back(static_cast<float>(out.at(i, j)));
    return got;
  };
  const std::vector<float> first = run();
  const std::vector<double> products = productOf(given, c.rows, weight);
  double error = 0, norm = 0, storeError = 0, storeNorm = 0;
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t j = 0; j < c.columns; j++) {
      double y = bias.at(0, j) + products[static_cast<size_t>(i * c.columns + j)];
      if (c.store) {
        storeError += (store.at(i, j) - y) * (store.at(i, j) - y);
        storeNorm += y * y;
        y = store.at(i, j);
      }
      y = epilogueExact(c.epilogue, y, gate.at(i / (c.rows / images), j), residual.at(i, j));
      const double d = first[static_cast<size_t>(i * c.columns + j)] - y;
      error += d * d;
      norm += y * y;
    }
  error = std::sqrt(error / norm);
  const double stored = c.store ? std::sqrt(storeError / storeNorm) : 0, most = c.out == kHalf ? halfBound(2.5e-3) : 1e-5;
  std::printf("%s: %.1e\n", name, error);
  expect(error <= most, "%s: the output is off by %.2e", name, error);
  expect(stored <= halfBound(2.5e-3), "%s: the store is off by %.2e", name, stored);
  expect(out.bordersIntact() && store.bordersIntact(), "%s: written outside of its outputs", name);
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t j = c.columns; j < width; j++) expect(std::isnan(out.at(i, j)), "%s: written beyond its columns", name);
  expect(run() == first, "%s: two runs differ", name);
  if (c.epilogue != Epilogue::gateResidual) return;
  // In place: the residual is the output.
  for (int64_t i = 0; i < c.rows; i++)
    for (int64_t j = 0; j < c.columns; j++) out.set(i, j, static_cast<float>(residual.at(i, j)));
  b.residual = b.out;
  expect(run() == first, "%s: in place differs", name);
}

void testRefusals() {
  Tensor x(4, 72, kHalf, 8), full(4, 72, kFloat, 8), out(4, 40, kHalf, 8);
  Weight weight(40, 64, true), exact(40, 64, false);
  Op op{};
  BoundOp b{};
  b.op = &op;
  b.x = x.columnsFrom(0, 64);
  b.weight = weight.panels();
  b.out = out.matrix();
  const auto taken = [&](auto change, int capability = 90) {
    BoundOp other = b;
    change(other);
    LaunchContext context = hopperContext(4);
    context.chip.computeCapability = capability;
    const bool result = launchLinearHopper(other, context);
    cudaStreamSynchronize(context.stream);
    return result;
  };
  expect(taken([](BoundOp &) {}), "what fits was not taken");
  expect(!taken([](BoundOp &) {}, 89) && !taken([](BoundOp &) {}, 100), "another chip");
  expect(!taken([&](BoundOp &o) { o.x = full.columnsFrom(0, 64); }), "x in float32");
  expect(!taken([&](BoundOp &o) { o.weight = exact.panels(); }), "a weight in float32");
  expect(!taken([&](BoundOp &o) { o.x = x.columnsFrom(4, 64); }), "x at a multiple of 8 bytes");
  expect(!taken([&](BoundOp &o) { o.x.stride = 92; }), "a stride of 184 bytes");
}

}  // namespace

int main() {
  testTiles();
  testChoice();
  testRing();
  requireHopper("linearHopper");
  testRefusals();
  for (const HopperForm &form : kForms) {
    testLinear(form, {1, 64, 1, 4});
    testLinear(form, {5, 72, 33, 4, Epilogue::silu});
    testLinear(form, {129, 200, 77, 1, Epilogue::none, true, false});
    testLinear(form, {300, 320, 300, 2, Epilogue::gateResidual});
    testLinear(form, {140, 136, 260, 1, Epilogue::gate});
    testLinear(form, {33, 72, 100, 1, Epilogue::geluErf, true});
    testLinear(form, {33, 72, 75, 1, Epilogue::geluQuick});
    testLinear(form, {255, 96, 190, 1, Epilogue::gateResidual, false, false, kFloat});
    testLinear(form, {64, 136, 260, 1, Epilogue::gelu, true});
    testLinear(form, {400, 101, 385, 3, Epilogue::none, false, true, kFloat});
    testLinear(form, {200, 64, 512, 5});
    // Several tiles a block, of main loops as long as the ring and longer.
    testLinear(form, {150, 448, 150, 1});
    testLinear(form, {150, 1152, 150, 1, Epilogue::gelu, true});
  }
  testLinear({128, 128, true}, {150, 4608, 150, 1});
  testLinear({128, 192, false}, {100, 4608, 200, 1});
  std::puts("linearHopper: all passed");
}
