#!/bin/sh
# Builds the CUDA plugin and the tests of its kernels with nvcc and CMake, and runs the tests on this machine's GPU: by
# themselves, then under the tools of compute-sanitizer. Needs nothing else. Ends with 1 when anything has failed.
#
#   cuda/test/run.sh
#   BUILD=folder cuda/test/run.sh       where to build, build/gpu-tests if not given
#   TARGETS=80 cuda/test/run.sh         for which GPUs, this machine's if not given: 80, 89 or 90a
#   TOOLS=memcheck cuda/test/run.sh     which tools; '' for none
#
# racecheck does not see what the copy engine of sm_90 writes to shared memory.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build/gpu-tests}
tools=${TOOLS-memcheck racecheck synccheck}

if [ -z "${TARGETS-}" ]; then
  capability=$(nvidia-smi -i 0 --query-gpu=compute_cap --format=csv,noheader)
  case $capability in
    8.0) TARGETS=80 ;;
    # Later chips run the machine code of the same generation, and those after it the PTX.
    8.*) TARGETS='80;89' ;;
    *) TARGETS=90a ;;
  esac
fi

cmake -S . -B "$build" -DINCACHE_CUDA_TESTS=ON -DINCACHE_CUDA_TARGETS="$TARGETS" -DINCACHE_TESTS=OFF
cmake --build "$build" --target incache_gpu_tests --parallel

failed=0
ctest --test-dir "$build" --output-on-failure --no-tests=error -R '^cuda-' || failed=1
for tool in $tools; do
  for program in "$build"/gpu-tests/*; do
    status=0
    compute-sanitizer --tool "$tool" --error-exitcode 1 --require-cuda-init no "$program" >"$build/$tool.log" 2>&1 || status=$?
    case $status in
      0) echo "$tool: $(basename "$program") passed" ;;
      77) echo "$tool: $(basename "$program") left out" ;;
      *)
        echo "$tool: $(basename "$program") failed"
        cat "$build/$tool.log"
        failed=1
        ;;
    esac
  done
done
exit $failed
