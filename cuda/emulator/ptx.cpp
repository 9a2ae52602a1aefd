#include "ptx.h"

#include "scheduler.h"

namespace incache::cuda {

void copyAsync16(void *shared, const void *global, bool valid) {
  if (sharedAddress(shared) % 16 || (valid && reinterpret_cast<uintptr_t>(global) % 16)) emulator::fail("copyAsync16 wants multiples of 16 bytes");
  std::memset(shared, 0xff, 16);
  emulator::Machine::get().current().copies.back().push_back({shared, valid ? global : nullptr});
}
void commitCopies() { emulator::Machine::get().current().copies.emplace_back(); }

namespace emulator {

void waitCopyGroups(int pending) {
  auto &groups = Machine::get().current().copies;
  while (groups.size() > static_cast<size_t>(pending) + 1) {
    for (const Copy &copy : groups.front())
      if (copy.from)
        std::memcpy(copy.to, copy.from, 16);
      else
        std::memset(copy.to, 0, 16);
    groups.erase(groups.begin());
  }
}

namespace {

struct MatrixArguments {
  uint32_t *result;
  const void *row;
};
uint16_t elementOf(const MatrixArguments *const *all, int matrix, int row, int column) {
  return static_cast<const uint16_t *>(all[8 * matrix + row]->row)[column];
}
template <bool Transposed>
void loadMatrices(uint32_t (&r)[4], const void *row) {
  if (sharedAddress(row) % 16) fail("loadMatrix4 wants rows at multiples of 16 bytes");
  const MatrixArguments own{r, row};
  meetWarp(&own, [](const void *const *arguments, int lanes) {
    const MatrixArguments *const *all = reinterpret_cast<const MatrixArguments *const *>(arguments);
    for (int lane = 0; lane < lanes; lane++)
      for (int i = 0; i < 4; i++) {
        const int g = lane / 4, t = lane % 4 * 2;
        const uint32_t low = Transposed ? elementOf(all, i, t, g) : elementOf(all, i, g, t);
        const uint32_t high = Transposed ? elementOf(all, i, t + 1, g) : elementOf(all, i, g, t + 1);
        all[lane]->result[i] = low | high << 16;
      }
  });
}

}  // namespace
}  // namespace emulator

void loadMatrix4(uint32_t (&r)[4], const void *row) { emulator::loadMatrices<false>(r, row); }
void loadMatrix4Transposed(uint32_t (&r)[4], const void *row) { emulator::loadMatrices<true>(r, row); }

}  // namespace incache::cuda
