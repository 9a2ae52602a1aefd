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

void testChoice() {
  LaunchContext proven = hopperContext(1);
  proven.chip.unproven.wide = false;
  expect(!isTaken(launchCalibratedLinearHopper, [](BoundOp &) {}, proven), "taken though no GPU has compared its values");
}

}  // namespace

int main() {
  testBudget();
  requireHopper("calibratedHopper");
  testChoice();
  checkRefusals(launchCalibratedLinearHopper, 256);
  checkShapes(launchCalibratedLinearHopper);
  checkRandomly(launchCalibratedLinearHopper, 4);
  std::puts("calibratedHopper: all passed");
}
