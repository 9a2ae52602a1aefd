#!/bin/sh
# All of the CUDA benchmark: kernels and blocks by CUDA events, whole runs, and PyTorch on the same shapes, twice in turn; then
# bench/results/cuda-<device>-<date>.json, of which `npm run bench:report` makes the table in docs/performance.md.
#
#   bench/cuda/run.sh [kernel|block|step|run]...      all, or these
#
# Needs a GPU, nvcc, CMake, Node.js after `npm ci`, and for the peer a python3 with torch (INCACHE_PYTHON names another one).
set -eu
cd "$(dirname "$0")/../.."
levels=${*:-kernel block step run}
for level in $levels; do
  case $level in
    kernel | block | step | run) ;;
    *) echo "$level: expected kernel, block, step or run" >&2; exit 2 ;;
  esac
done
build=${BUILD:-build/cuda-bench}
python=${INCACHE_PYTHON:-python3}
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
# wgmma belongs to the architecture-specific target.
[ "$arch" = 90 ] && arch=90a

npm run build
cmake -S . -B "$build" -DINCACHE_TESTS=OFF -DINCACHE_CUDA_TARGETS="$arch"
cmake --build "$build" --target incache_cuda --parallel
nvcc -std=c++17 -O3 -DNDEBUG -DINCACHE_STORAGE=bf16 -Icpp/include -gencode=arch=compute_"$arch",code=sm_"$arch" -cudart static \
  -x cu -c bench/cuda/main.cpp -o "$build/bench.o"
nvcc -cudart static "$build/bench.o" "$build"/cuda/*.o -o "$build/bench"
export INCACHE_CUDA_LIBRARY="$PWD/$build/libincache_cuda.so"

ours() {
  case $1 in
    run) node dist/bench/cuda/main.js runs ;;
    *) "$build/bench" "$1" ;;
  esac
}
peer=yes
"$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || { peer=no; echo 'PyTorch with CUDA is not there: left out' >&2; }

lines=$build/lines.jsonl
{
  printf '{"device":"%s","nvcc":"%s"}\n' "$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1)" \
    "$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
  for round in 1 2; do
    for level in $levels; do
      ours "$level"
      # The peer has no steps: its blocks are timed.
      [ $peer = no ] || [ "$level" = step ] || "$python" bench/cuda/peer "$level"
    done
  done
} >"$lines"
node dist/bench/cuda/main.js collect "$lines"
