"""PyTorch on the shapes of the CUDA benchmark, in bfloat16: a line of JSON for each row.

python3 bench/cuda/peer kernel|block|run [--tokens N] [--images N] [--rank N] [--eager] [--small] [--cpu] [--list]

--tokens, --images, --rank: only those rows; --eager: without torch.compile; --small: shapes of a test; --cpu: to see that it works; --list: the rows without times
"""

import argparse
import json

import blocks
import kernels
import runs
import timing
import torch
from shapes import DIT_XL, SMALL


def main():
    parser = argparse.ArgumentParser(description="PyTorch beside incache on a GPU")
    parser.add_argument("level", choices=("kernel", "block", "run"))
    for flag in ("eager", "small", "cpu", "list"):
        parser.add_argument(f"--{flag}", action="store_true")
    for number in ("tokens", "images", "rank"):
        parser.add_argument(f"--{number}", type=int)
    options = parser.parse_args()
    device = "cpu" if options.cpu else "cuda"
    if device == "cuda" and not options.list:
        print(json.dumps({"torch": torch.__version__, "device": torch.cuda.get_device_name(0)}), flush=True)
    timing.compiles = not options.eager
    level = {"kernel": kernels, "block": blocks, "run": runs}[options.level]
    with torch.inference_mode():
        level.run((SMALL if options.small else DIT_XL).only(options), device, options.list)


main()
