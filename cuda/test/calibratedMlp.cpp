// calibratedMlp against float64.
#include "calibratedMlp.h"

using namespace incache;
using namespace incache::cuda;
using namespace incache::cuda::test;

constexpr incache_type kFloat = INCACHE_F32;

int main() {
  //            name                       rows depth r1  hidden r2 columns
  std::vector<MlpCase> cases = {
      {"fused", 70, 72, 40, 200, 24, 72, 1},
      {"fused, eight warps", 150, 72, 24, 136, 72, 136, 1},
      {"fused, odd strides", 67, 75, 65, 133, 17, 70, 1, 3},
      {"fused, float32", 66, 72, 64, 130, 64, 66, 1},
      {"fused, rank form", 66, 72, 33, 130, 64, 66, 1},
      {"middle", 70, 72, 40, 200, 24, 72},
      {"middle, parts of both depths", 35, 600, 40, 1100, 72, 136},
      {"middle, odd strides", 15, 75, 65, 133, 17, 70, 100, 3},
      {"middle, float32", 15, 72, 64, 130, 64, 66},
      {"middle, rank form", 15, 600, 33, 130, 64, 66},
      {"wide ranks that are not fast", 66, 75, 256, 70, 200, 66, 1, 3},
      {"stored", 35, 72, 40, 540, 264, 72},
      {"stored, odd strides", 35, 75, 300, 133, 40, 70, 100, 3},
      {"exact", 70, 75, 40, 133, 17, 70, 1, 3, false, kFloat},
      {"exact, rank form", 70, 64, 64, 64, 64, 64, 1, 0, false, kFloat},
  };
  cases.push_back({"fused, float32 input of a Half cache", 70, 72, 40, 200, 24, 72, 1});
  cases.push_back({"middle, float32 input of a Half cache", 20, 72, 40, 200, 24, 72});
  cases[15].floatInput = cases[16].floatInput = true;
  cases[3].type = cases[8].type = kFloat;
  cases[4].rankForm = cases[9].rankForm = cases[14].rankForm = true;
  cases[1].epilogue = cases[3].epilogue = cases[6].epilogue = cases[11].epilogue = cases[13].epilogue = Epilogue::gateResidual;
  cases[2].epilogue = Epilogue::silu;
  cases[7].epilogue = Epilogue::gelu;
  for (const int64_t rank : {1, 16, 32, 40, 64, 128, 192, 256})
    for (const int multiprocessors : {1, 100}) cases.push_back({"rank", 66, 72, rank, 72, 257 - rank, 72, multiprocessors});
  for (const MlpCase &c : cases) checkMlp(c);
}
