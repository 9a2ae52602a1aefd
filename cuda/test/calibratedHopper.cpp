// The kernel of calibratedLinear for sm_90a that takes pair after pair, against float64.
#include "../calibratedLinearHopper.h"

#include "../calibrated/hopper.cuh"
#include "calibratedLinearTrial.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

void testBudget() {
  const int ranks[] = {64, 128, 192, 256}, stages[] = {5, 4, 4, 3};
  for (int i = 0; i < 4; i++) {
    const int bytes = calibratedStageBytes(ranks[i]);
    expect(ringStages(bytes) == stages[i] && ringBytes(bytes) <= 227 << 10, "%d stages for %d ranks", ringStages(bytes), ranks[i]);
  }
  expect(suitsCalibratedHopper(16384, 132) && !suitsCalibratedHopper(4096, 132), "rows that suit");
}

void checkCase(const Case &c) { check(launchCalibratedLinearHopper, c); }

}  // namespace

int main() {
  testBudget();
  requireHopper("calibratedHopper");
  checkRefusals(launchCalibratedLinearHopper, 256);
  checkCase({"qkv", 130, 200, {40, 64, 17}, {72, 136, 60}});
  checkCase({"128 ranks", 33, 64, {128}, {136}, Epilogue::gateResidual});
  checkCase({"192 ranks", 260, 72, {150}, {100}, Epilogue::gelu, false, 2});
  checkCase({"256 ranks", 140, 136, {256}, {64}, Epilogue::silu});
  checkCase({"a few ranks", 9, 75, {8}, {41}});
  checkCase({"odd strides", 70, 75, {24}, {50}, Epilogue::gateResidual, false, 1, 3});
  checkCase({"rank form", 131, 72, {65, 32}, {72, 64}, Epilogue::none, true});
  checkCase({"rank form in Half", 40, 72, {200}, {72}, Epilogue::gateResidual, true, 1, 4, kHalf});
  checkRandomly(launchCalibratedLinearHopper, 4);
  std::puts("calibratedHopper: all passed");
}
