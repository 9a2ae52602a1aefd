"""Times of functions on buffers of random values, and the rows that they make."""

import json
import statistics
import sys
import time

import torch

REPLAYS = 50
# Whether functions are also timed as torch.compile makes them.
compiles = True


class Buffers:
    """Random bfloat16 from -1 to 1, counted."""

    def __init__(self, device):
        self.device = device
        self.bytes = 0

    def random(self, *shape, scale=1.0):
        values = torch.rand(shape, device=self.device).mul_(2 * scale).sub_(scale).bfloat16()
        self.bytes += values.numel() * 2
        return values

    def weight(self, outputs, inputs):
        """Keeps the variance of what it is given."""
        return self.random(outputs, inputs, scale=(3 / inputs) ** 0.5)


def milliseconds(make, device):
    """Median of one instance; make(buffers) gives a function without arguments that runs one on those buffers."""
    return on_gpu(make) if device == "cuda" else on_cpu(make)


def on_gpu(make):
    """Over replays of a CUDA graph of several instances, which together pass through more than the level-2 cache holds."""
    first = Buffers("cuda")
    runs = [make(first)]
    cache = torch.cuda.get_device_properties(0).L2_cache_size
    copies = max(2, min(32, -(-3 * cache // first.bytes)))
    runs += [make(Buffers("cuda")) for _ in range(copies - 1)]
    graph = captured(lambda: [run() for run in runs])
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


def captured(run):
    """A CUDA graph of what run() launches."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    side.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph


def on_cpu(make):
    run = make(Buffers("cpu"))
    run()
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1e3


def compiled(function):
    """By torch.compile, without graphs of its own, which would nest; None where there is none."""
    if not compiles or not hasattr(torch, "compile"):
        return None
    return torch.compile(function, mode="max-autotune-no-cudagraphs", dynamic=False)


def contenders(function):
    """The function as it is, and compiled where it can be."""
    fast = compiled(function)
    return [("torch eager", function)] + ([("torch compiled", fast)] if fast else [])


def report(row, take):
    """Prints the row with the time that take() gives; a peer that cannot run a shape is left out, aloud."""
    try:
        taken = take()
    except Exception as error:  # noqa: BLE001
        print(f"{row}: {error}", file=sys.stderr)
        return
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    print(json.dumps({**row, "milliseconds": round(taken, 5)}), flush=True)


def row_of(level, name, shape, s, rank, contender):
    return {
        "level": level,
        "name": name,
        "shape": shape,
        "sequences": s.sequences,
        "tokens": s.tokens,
        "rank": rank,
        "contender": contender,
    }
