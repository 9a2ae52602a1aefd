// The operations that are neither products nor attention, against float64.
#include "small/convolution.h"
#include "small/elementwise.h"
#include "small/layouts.h"
#include "small/reductions.h"

using namespace incache::cuda::test;

namespace {

void checkConvolutionsAndNorms(const Form &f) {
  constexpr Filter kFilters[] = {{4, 7, 3, 1, 1}, {3, 70, 3, 2, 1}, {24, 65, 3, 1, 2}, {6, 5, 1, 1, 1}};
  for (const Filter &filter : kFilters)
    for (const bool residual : {false, true}) checkConvolution(f, {2, 7, 5}, filter, residual);
  constexpr Together kTogether[] = {{6, 1, 1, 70}, {6, 1, 3, 24}, {90, 45, 4, 5}, {200, 100, 1, 33}};
  for (const Together &t : kTogether)
    for (const bool rms : {false, true})
      for (const bool modulated : {false, true}) checkNorm(f, t, rms, modulated, 0.5f);
}

}  // namespace

int main() {
  for (const Form &f : kForms) {
    for (const Size &size : kSizes) checkElementwise(f, size), checkCombination(f, size), checkDistance(f, size);
    for (const int64_t columns : {1, 5, 130, 511, 512, 513, 1152, 1536, 1538, 2500}) checkLayerNorm(f, 2, 3, columns, 0.5f);
    checkLayerNorm(f, 1, 1, 1152, 0);
    checkPatches(f, 4, 5, 3, 2);
    checkPatches(f, 3, 2, 4, 4);
    checkPatches(f, 1, 1, 1, 1);
    for (const int64_t columns : {2, 10, 256}) checkTimesteps(f, columns);
    for (const int64_t columns : {1, 7, 64}) checkGather(f, columns);
    for (const bool difference : {false, true}) {
      checkStatistics(f, 2, 21, 70, difference);
      checkStatistics(f, 1, 3, 5, difference);
      checkStatistics(f, 3, 1, 130, difference);
    }
    checkConvolutionsAndNorms(f);
    std::printf("small operations, %s: passed\n", f.name);
  }
  checkTiledConvolution(0, {2, 15, 10}, {16, 128, 3, 1, 1});
  checkTiledConvolution(1, {2, 7, 5}, {24, 65, 3, 1, 1});
  checkTiledConvolution(2, {1, 4, 4}, {40, 70, 3, 1, 2});
  checkTiledConvolution(3, {2, 6, 2}, {8, 40, 3, 2, 1});
  checkTiledConvolution(3, {1, 5, 3}, {72, 33, 1, 1, 1});
  // A mean far from 0, where squares less the square of the mean would lose the variance.
  checkLayerNorm(kForms[0], 2, 3, 1152, 100);
  checkLayerNorm(kForms[0], 2, 3, 2500, 100);
  checkNorm(kForms[0], {90, 45, 4, 5}, false, false, 100);
  checkDistanceFromZero();
  checkInPlace();
  checkTail();
  std::puts("small operations: all passed");
}
