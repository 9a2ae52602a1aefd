// A ring of stages in shared memory: one thread has the copy engine fill them in turn, warps read them in the same turn. Of each
// stage two barriers tell: `full`, that its boxes have arrived; `empty`, that every reading warp is done with it.
#pragma once
#include "hopper.cuh"

namespace incache::cuda::INCACHE_STORAGE {

// What a block has of shared memory on sm_90, and what the barriers may take of it: two of each stage, and two of the kernel's own.
constexpr int64_t kHopperShared = 227 << 10, kRingBarrierBytes = 256;
// As many stages of so many bytes as there is room for, at most `most`, where a block wants so many bytes besides the ring.
constexpr int ringStages(int64_t stageBytes, int64_t besides = 0, int most = 8) {
  const int64_t stages = (kHopperShared - kRingBarrierBytes - besides) / stageBytes;
  return static_cast<int>(stages < most ? stages : most);
}
constexpr int64_t ringBytes(int64_t stageBytes, int64_t besides = 0, int most = 8) {
  return ringStages(stageBytes, besides, most) * stageBytes + kRingBarrierBytes;
}

// Stages begin at multiples of 1,024 bytes, where the pattern of the swizzle begins.
template <int StageBytes, int Besides = 0, int Most = 8>
class StageRing {
 public:
  static constexpr int kStageBytes = StageBytes, kStages = ringStages(StageBytes, Besides, Most);
  static_assert(StageBytes % 1024 == 0 && kStages >= 2, "a stage is filled while another is read");
  static_assert((2 * kStages + 2) * 8 <= kRingBarrierBytes, "barriers have their place");

  __device__ __forceinline__ explicit StageRing(unsigned char *shared)
      : stages_(shared), full_(reinterpret_cast<uint64_t *>(shared + kStages * StageBytes)), empty_(full_ + kStages) {}

  // By one thread; the block has to meet before any of it uses the ring.
  __device__ __forceinline__ void initialize(int readingWarps) const {
    for (int i = 0; i < kStages; i++) {
      initBarrier(full_ + i, 1);
      initBarrier(empty_ + i, static_cast<uint32_t>(readingWarps));
    }
    publishBarriers();
  }

  // Where a thread is in the ring. Barriers end one phase a turn.
  struct Place {
    int stage = 0;
    uint32_t turn = 0;
    __device__ __forceinline__ void next() {
      if (++stage == kStages) stage = 0, turn = phaseAfter(turn, 1);
    }
    __device__ __forceinline__ void skip(int stages) {
      const uint32_t end = static_cast<uint32_t>(stage + stages);
      stage = static_cast<int>(end % kStages);
      turn = phaseAfter(turn, static_cast<int>(end / kStages));
    }
  };

  __device__ __forceinline__ unsigned char *at(const Place &place) const { return stages_ + place.stage * StageBytes; }

  // The filling thread: waits until the stage is empty. Then so many bytes have to be copied, which count at the barrier returned.
  __device__ __forceinline__ uint64_t *beginFilling(const Place &place, int bytes) const {
    waitFor(empty_ + place.stage, phaseAfter(place.turn, -1));
    arriveExpecting(full_ + place.stage, static_cast<uint32_t>(bytes));
    return full_ + place.stage;
  }
  // All lanes of each reading warp wait, and one of each releases.
  __device__ __forceinline__ void waitUntilFull(const Place &place) const { waitFor(full_ + place.stage, place.turn); }
  __device__ __forceinline__ void release(const Place &place) const { arrive(empty_ + place.stage); }

  // Behind the ring's barriers, for those of the kernel's own, 0 and 1; to be initialised before the ring.
  __device__ __forceinline__ uint64_t *furtherBarrier(int place) const { return empty_ + kStages + place; }

 private:
  unsigned char *stages_;
  uint64_t *full_, *empty_;
};

}  // namespace incache::cuda::INCACHE_STORAGE
