#!/bin/sh
# Builds the benchmark of the CUDA kernels, runs it and PyTorch on the same shapes, one after the other and again, and writes
# bench/results/cuda-<device>-<date>.jsonl. Needs nvcc, a GPU and, for the peer, a python3 with torch.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build/cuda-bench}
mkdir -p "$build" bench/results
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1 | tr -d .)
# wgmma belongs to the architecture-specific target.
[ "$arch" = 90 ] && arch=90a
nvcc -std=c++17 -O3 -DNDEBUG -Icpp/include -gencode=arch=compute_"$arch",code=sm_"$arch" -cudart static \
  -x cu bench/cuda/kernels.cpp cuda/*.cu cpp/core/plan_fields.cpp -o "$build/kernels"
device=$(nvidia-smi --query-gpu=name --format=csv,noheader | head -n 1 | tr 'A-Z ' 'a-z-')
out=bench/results/cuda-$device-$(date +%F).jsonl
{
  printf '{"commit":"%s","date":"%s","nvcc":"%s"}\n' "$(git rev-parse --short HEAD 2>/dev/null || echo unknown)" "$(date -u +%FT%TZ)" \
    "$(nvcc --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
  for round in 1 2; do
    printf '{"round":%d}\n' "$round"
    "$build/kernels"
    if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
      python3 bench/cuda/torch_kernels.py
    else
      echo 'PyTorch with CUDA is not there: left out' >&2
    fi
  done
} >"$out"
echo "written to $out"
