// The kernel of calibratedLinear for sm_90a that stacks the ranks of its pairs, against float64.
#include "../calibratedLinearStacked.h"

#include "../common/stageRing.cuh"
#include "calibratedLinearTrial.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

namespace {

using Block = StackedBlock;

void testBudget() {
  const int most = Block::kMostStages, stages[] = {13, 12, 11, 10};
  for (int panels = 1; panels <= Block::kMostPanels / 2; panels++) {
    const int hidden = Block::hiddenBytes(panels), own = ringStages(Block::kStageBytes, hidden, most);
    expect(own == stages[panels - 1], "%d stages for %d panels", own, panels);
    expect(hidden + ringBytes(Block::kStageBytes, hidden, most) <= kHopperShared, "shared memory for %d panels", panels);
    // The differences of a step are taken while the panels of the one before are still held.
    expect(own >= panels + 2, "%d panels leave no room for the next step", panels);
  }
  expect(Block::suits(4096, 132) && !Block::suits(2048, 132), "rows that suit");
}

void testChoice() {
  LaunchContext proven = hopperContext(1);
  proven.chip.unproven.stacked = false;
  expect(!isTaken(launchCalibratedLinearStacked, [](BoundOp &) {}, proven), "taken though no GPU has compared its values");
}

void checkCase(const Case &c) { check(launchCalibratedLinearStacked, c); }

}  // namespace

int main() {
  testBudget();
  requireHopper("calibratedStacked");
  testChoice();
  checkRefusals(launchCalibratedLinearStacked, 512);
  checkShapes(launchCalibratedLinearStacked);
  checkCase({"three pairs of 128 ranks", 70, 136, {128, 128, 128}, {64, 136, 264}});
  checkCase({"512 ranks", 64, 136, {500}, {200}});
  checkCase({"more ranks than a launch has", 100, 72, {200, 256, 100}, {40, 136, 72}, Epilogue::gateResidual, true});
  checkRandomly(launchCalibratedLinearStacked, 6);
  std::puts("calibratedStacked: all passed");
}
