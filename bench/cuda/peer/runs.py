"""Whole runs: the steps of DDIM with guidance, in full, reusing and calibrated. adaLN is computed beforehand, as incache does."""

import time

import torch
import torch.nn.functional as F
from blocks import factors_of, full, gather, reuse, scatter, weights_of
from kernels import modulated
from timing import Buffers, captured, contenders, report, row_of

CHANNELS, PATCH = 4, 2
# name, and after how many steps the next one is in full
POLICIES = (("full", 1), ("reuse", 2), ("calibrated", 2), ("calibrated", 3))


class Model:
    """The blocks between an embedding of patches and the last layer; `cache` is what the last gathered step has left."""

    def __init__(self, buffers, s):
        self.shape = s
        self.embedding = buffers.weight(s.width, CHANNELS * PATCH**2)
        self.final = buffers.weight(2 * CHANNELS * PATCH**2, s.width)
        self.blocks = [weights_of(buffers, s.width) for _ in range(s.depth)]
        self.factors = [factors_of(buffers, s.width, s.rank) for _ in range(s.depth)]
        self.cache = [()] * s.depth

    def step(self, kind, patches, modulation, functions):
        """patches: sequences x tokens x what a patch has. modulation: vectors of sequences x 1 x width, six a block and two."""
        x = F.linear(patches, self.embedding)
        for i in range(self.shape.depth):
            vectors = modulation[6 * i : 6 * i + 6]
            if kind == "full":
                x = functions["full"](x, vectors, self.blocks[i], self.shape.heads)
            elif kind == "gather":
                x, self.cache[i] = functions["gather"](x, vectors, self.blocks[i], self.shape.heads)
            elif kind == "calibrated":
                x = functions["scatter"](x, vectors, self.factors[i], self.cache[i], self.shape.heads)
            else:
                x = functions["reuse"](x, vectors, self.cache[i])
        return F.linear(modulated(x, *modulation[-2:]), self.final)


class Run:
    """All steps of a policy; on a GPU each kind of step is a graph, which is replayed."""

    def __init__(self, s, steps, policy, period, functions, device):
        buffers = Buffers(device)
        self.device, self.steps = device, steps
        gathered = "full" if policy == "full" else "gather"
        self.kinds = [gathered if step % period == 0 else policy for step in range(steps)]
        self.model = Model(buffers, s)
        self.patches = buffers.random(s.sequences, s.tokens, CHANNELS * PATCH**2)
        # Of every step, for the sequences with a label and for those without.
        self.table = buffers.random(steps, 2, (6 * s.depth + 2) * s.width, scale=0.3)
        self.modulation = buffers.random(s.sequences, 1, (6 * s.depth + 2) * s.width, scale=0.3)
        self.prediction = None
        vectors = self.modulation.split(s.width, dim=-1)

        def step(kind):
            self.prediction = self.model.step(kind, self.patches, vectors, functions)
            return self.prediction

        # Gathered first: what the others capture is the cache that it leaves.
        self.step = {kind: self.runner(lambda kind=kind: step(kind)) for kind in sorted(set(self.kinds), key="gather".__ne__)}

    def runner(self, step):
        if self.device != "cuda":
            return step
        graph = captured(step)
        prediction = self.prediction

        def run():
            graph.replay()
            return prediction

        return run

    def once(self):
        half = len(self.patches) // 2
        for step, kind in enumerate(self.kinds):
            self.modulation.unflatten(0, (2, half)).copy_(self.table[step][:, None, None])
            noise = self.step[kind]()[..., : CHANNELS * PATCH**2]
            guided = noise[half:] + 4 * (noise[:half] - noise[half:])
            latents = self.patches[:half].mul(0.98).add_(guided, alpha=-0.02)
            self.patches.unflatten(0, (2, half)).copy_(latents)

    def milliseconds(self):
        times = []
        for i in range(-1, 5 if self.device == "cuda" else 1):
            self.wait()
            start = time.perf_counter()
            self.once()
            self.wait()
            if i >= 0:
                times.append((time.perf_counter() - start) * 1e3)
        return sorted(times)[len(times) // 2]

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()


def run(sizes, device, lists):
    functions = {function.__name__: dict(contenders(function)) for function in (full, gather, scatter, reuse)}
    for shape in sizes.shapes():
        s = type(shape)(**{**vars(shape), "rank": sizes.run_rank})
        for policy, period in POLICIES:
            for contender in functions["gather"]:
                chosen = {name: made[contender] for name, made in functions.items()}
                name = policy if period == 1 else f"{policy} p = {period}"
                row = row_of("run", name, "", s, sizes.run_rank if policy == "calibrated" else 0, contender)

                def take(policy=policy, period=period, chosen=chosen):
                    return 0.0 if lists else Run(s, sizes.steps, policy, period, chosen, device).milliseconds()

                report(row, take)
