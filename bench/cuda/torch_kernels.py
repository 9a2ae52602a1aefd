"""PyTorch on the shapes of kernels.cpp, in bfloat16: a line of JSON for each.

    python3 torch_kernels.py

Medians over replays of a CUDA graph that holds each operation on several sets of buffers, as kernels.cpp does. The
calibrated linears are the best that PyTorch's own operations give: stacked down factors, one product up for each part,
compiled (max-autotune without its graphs, which would nest) where torch.compile works, else eager.
"""
import json
import statistics
import sys

import torch
import torch.nn.functional as F

REPLAYS = 50
WIDTH, HEADS = 1152, 16


def random(*shape):
    return torch.rand(shape, device="cuda", dtype=torch.float32).mul_(2).sub_(1).bfloat16()


def milliseconds(make, bytes_moved):
    """make() gives a function without arguments that runs one instance on buffers of its own."""
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    copies = max(2, min(32, int(3 * cache / bytes_moved)))
    runs = [make() for _ in range(copies)]
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            for run in runs:
                run()
    side.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for run in runs:
            run()
    times = []
    for i in range(-3, REPLAYS):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        if i >= 0:
            times.append(start.elapsed_time(end) / copies)
    return statistics.median(times)


def linear(rows, depth, width):
    def make():
        x, w, b = random(rows, depth), random(width, depth), random(width)
        return lambda: F.linear(x, w, b)

    return make


def attention(images, tokens, backend):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def make():
        qkv = random(images, tokens, 3, HEADS, WIDTH // HEADS)
        q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))

        def run():
            with sdpa_kernel(getattr(SDPBackend, backend)):
                return F.scaled_dot_product_attention(q, k, v)

        return run

    return make


def calibrated(x, cached_input, cached_output, down, ups):
    h = F.linear(x - cached_input, down)
    rank = h.shape[1] // len(ups)
    return cached_output + torch.cat([F.linear(h[:, i * rank : (i + 1) * rank], up) for i, up in enumerate(ups)], 1)


def calibrated_mlp(x, cached_input, pre, cached_output, down1, up1, down2, up2):
    y1 = pre + F.linear(F.linear(x - cached_input, down1), up1)
    change = F.gelu(y1, approximate="tanh") - F.gelu(pre, approximate="tanh")
    return cached_output + F.linear(F.linear(change, down2), up2)


def compiled(function):
    try:
        fast = torch.compile(function, mode="max-autotune-no-cudagraphs", dynamic=False)
        return fast, "compiled"
    except Exception as error:  # noqa: BLE001: whatever is missing, eager still runs
        print(f"torch.compile: {error}", file=sys.stderr)
        return function, "eager"


def report(kernel, shape, images, tokens, operations, moved, make, peer):
    try:
        ms = milliseconds(make, moved)
    except Exception as error:  # noqa: BLE001: a peer that cannot run a shape is left out, aloud
        print(f"{kernel} {shape} ({peer}): {error}", file=sys.stderr)
        return
    row = {"kernel": kernel, "shape": shape, "sequences": images, "tokens": tokens, "peer": peer, "ms": round(ms, 5)}
    row["tflops"] = round(operations / ms / 1e9, 2)
    row["gbs"] = round(moved / ms / 1e6, 1)
    print(json.dumps(row), flush=True)


def main():
    print(json.dumps({"device": torch.cuda.get_device_name(0), "torch": torch.__version__}))
    fast_linear, how_linear = compiled(calibrated)
    fast_mlp, how_mlp = compiled(calibrated_mlp)
    for tokens in (256, 1024):
        for images in (4, 32, 128):
            rows = images * tokens
            for name, depth, width in (("qkv", WIDTH, 3 * WIDTH), ("proj", WIDTH, WIDTH), ("fc1", WIDTH, 4 * WIDTH), ("fc2", 4 * WIDTH, WIDTH)):
                moved = 2 * (rows * depth + depth * width + rows * width)
                shape = f"{name} {rows} x {depth} -> {width}"
                report("linear", shape, images, tokens, 2 * rows * depth * width, moved, linear(rows, depth, width), "torch")
            shape = f"{images} of {tokens} tokens, {HEADS} heads of {WIDTH // HEADS}"
            for backend in ("FLASH_ATTENTION", "CUDNN_ATTENTION", "EFFICIENT_ATTENTION"):
                report("attention", shape, images, tokens, 4 * rows * tokens * WIDTH, 8 * rows * WIDTH, attention(images, tokens, backend), backend)
            for rank in (32, 64, 128, 256):
                for name, depth, width, parts in (("qkv", WIDTH, 3 * WIDTH, 3), ("proj", WIDTH, WIDTH, 1), ("fc1", WIDTH, 4 * WIDTH, 1), ("fc2", 4 * WIDTH, WIDTH, 1)):

                    def make(depth=depth, width=width, parts=parts):
                        args = (random(rows, depth), random(rows, depth), random(rows, width), random(parts * rank, depth))
                        ups = [random(width // parts, rank) for _ in range(parts)]
                        return lambda: fast_linear(*args, ups)

                    moved = 2 * (2 * rows * depth + 2 * rows * width + rank * (parts * depth + width))
                    operations = 2 * rows * rank * (parts * depth + width)
                    shape = f"{name} {rows} x {depth} -> {rank} -> {width}"
                    report("calibratedLinear", shape, images, tokens, operations, moved, make, how_linear)

                def make_mlp():
                    hidden = 4 * WIDTH
                    args = [random(rows, WIDTH), random(rows, WIDTH), random(rows, hidden), random(rows, WIDTH)]
                    args += [random(rank, WIDTH), random(hidden, rank), random(rank, hidden), random(WIDTH, rank)]
                    return lambda: fast_mlp(*args)

                moved = 2 * (rows * 8 * WIDTH + 2 * rank * 5 * WIDTH)
                report("calibratedMlp", f"{rows} x {WIDTH}, r = {rank}", images, tokens, 4 * rows * rank * 5 * WIDTH, moved, make_mlp, how_mlp)


if __name__ == "__main__":
    main()
