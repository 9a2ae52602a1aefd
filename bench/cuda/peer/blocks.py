"""A transformer block in full, in full with its caches kept, and calibrated on them; as one function each, to be compiled whole."""

import torch
import torch.nn.functional as F
from kernels import attention, calibrated, calibrated_mlp, layers_of, modulated
from timing import contenders, milliseconds, report, row_of


def attended(qkv, heads):
    sequences, tokens, width = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.reshape(sequences, tokens, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
    return attention(q, k, v).transpose(1, 2).reshape(sequences, tokens, width)


def gather(x, modulation, weights, heads):
    """x: sequences x tokens x width. modulation: six of sequences x 1 x width. The new x, and what a cache keeps: input and
    output of qkv and of proj, input and pre-activation of fc1, output of fc2. Kept where they are, they are not copied."""
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation
    input1 = modulated(x, shift1, scale1)
    qkv = F.linear(input1, *weights["qkv"])
    input2 = attended(qkv, heads)
    proj = F.linear(input2, *weights["proj"])
    x = torch.addcmul(x, gate1, proj)
    input3 = modulated(x, shift2, scale2)
    pre_activation = F.linear(input3, *weights["fc1"])
    fc2 = F.linear(F.gelu(pre_activation, approximate="tanh"), *weights["fc2"])
    return torch.addcmul(x, gate2, fc2), (input1, qkv, input2, proj, input3, pre_activation, fc2)


def full(x, modulation, weights, heads):
    return gather(x, modulation, weights, heads)[0]


def scatter(x, modulation, factors, cache, heads):
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation
    input1, qkv, input2, proj, input3, pre_activation, fc2 = cache
    new_qkv = calibrated(modulated(x, shift1, scale1), input1, qkv, *factors["qkv"])
    x = torch.addcmul(x, gate1, calibrated(attended(new_qkv, heads), input2, proj, *factors["proj"]))
    y = calibrated_mlp(modulated(x, shift2, scale2), input3, pre_activation, fc2, factors["mlp"])
    return torch.addcmul(x, gate2, y)


def reuse(x, modulation, cache):
    """What is left of a block whose linears give what they gave."""
    return torch.addcmul(torch.addcmul(x, modulation[2], cache[3]), modulation[5], cache[6])


def weights_of(buffers, width):
    return {name: (buffers.weight(outputs, inputs), buffers.random(outputs, scale=0.1)) for name, inputs, outputs, _ in layers_of(width)}


def factors_of(buffers, width, rank):
    def pair(inputs, outputs, parts):
        return buffers.weight(parts * rank, inputs), [buffers.weight(outputs // parts, rank) for _ in range(parts)]

    layers = {name: pair(*sizes) for name, *sizes in layers_of(width)}
    (down1, (up1,)), (down2, (up2,)) = layers.pop("fc1"), layers.pop("fc2")
    return {**layers, "mlp": (down1, up1, down2, up2)}


def cache_of(buffers, s):
    w = s.width
    return tuple(buffers.random(s.sequences, s.tokens, columns) for columns in (w, 3 * w, w, w, w, 4 * w, w))


def rows(s, ranks):
    def state(buffers):
        x = buffers.random(s.sequences, s.tokens, s.width)
        return x, [buffers.random(s.sequences, 1, s.width, scale=0.3) for _ in range(6)]

    for name, function in (("full", full), ("gather", gather)):
        for contender, run in contenders(function):

            def make(buffers, run=run):
                x, modulation = state(buffers)
                weights = weights_of(buffers, s.width)
                return lambda: run(x, modulation, weights, s.heads)

            yield row_of("block", name, "", s, 0, contender), make
    for rank in ranks:
        for contender, run in contenders(scatter):

            def make(buffers, run=run, rank=rank):
                x, modulation = state(buffers)
                factors, cache = factors_of(buffers, s.width, rank), cache_of(buffers, s)
                return lambda: run(x, modulation, factors, cache, s.heads)

            yield row_of("block", "scatter", "", s, rank, contender), make


def run(sizes, device, lists):
    for shape in sizes.shapes():
        for row, make in rows(shape, sizes.ranks):
            report(row, (lambda: 0.0) if lists else (lambda make=make: milliseconds(make, device)))
