"""Linears by cuBLAS, attention by each backend of SDPA, and the calibrated algebra as PyTorch's own operations."""

import torch
import torch.nn.functional as F
from timing import contenders, milliseconds, report, row_of


def attention(q, k, v):
    """Of sequences x heads x tokens x head width."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    return F.softmax((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1), dim=-1) @ v


def modulated(x, shift, scale):
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:], eps=1e-6), 1 + scale)


def calibrated(x, cached_input, cached_output, down, ups):
    """`down`: the factors of all parts, stacked."""
    h = F.linear(x - cached_input, down)
    parts = h.chunk(len(ups), dim=-1)
    return cached_output + torch.cat([F.linear(part, up) for part, up in zip(parts, ups)], -1)


def calibrated_mlp(x, cached_input, pre_activation, cached_output, factors):
    down1, up1, down2, up2 = factors
    y1 = pre_activation + F.linear(F.linear(x - cached_input, down1), up1)
    change = F.gelu(y1, approximate="tanh") - F.gelu(pre_activation, approximate="tanh")
    return cached_output + F.linear(F.linear(change, down2), up2)


def layers_of(width):
    """name, inputs, outputs, parts that have factors of their own."""
    return [("qkv", width, 3 * width, 3), ("proj", width, width, 1), ("fc1", width, 4 * width, 1), ("fc2", 4 * width, width, 1)]


def sdpa_backends():
    """Each that can be pinned; without that, what there is."""
    try:
        from torch.nn.attention import SDPBackend, sdpa_kernel
    except ImportError:
        return [("torch eager", attention)]

    def pinned(backend):
        def run(q, k, v):
            with sdpa_kernel(backend):
                return attention(q, k, v)

        return run

    names = [name for name in ("FLASH_ATTENTION", "CUDNN_ATTENTION", "EFFICIENT_ATTENTION") if hasattr(SDPBackend, name)]
    return [(f"torch SDPA {name}", pinned(getattr(SDPBackend, name))) for name in names]


def rows(shape, ranks):
    """Pairs of a row and what makes its run."""
    yield from linear_rows(shape)
    yield from attention_rows(shape)
    yield from norm_rows(shape)
    for rank in ranks:
        yield from calibrated_rows(shape, rank)
        yield from mlp_rows(shape, rank)


def linear_rows(s):
    for name, inputs, outputs, _ in layers_of(s.width):

        def make(buffers, inputs=inputs, outputs=outputs, gelu=name == "fc1"):
            x, weight, bias = buffers.random(s.rows, inputs), buffers.weight(outputs, inputs), buffers.random(outputs)
            if gelu:
                return lambda: F.gelu(F.linear(x, weight, bias), approximate="tanh")
            return lambda: F.linear(x, weight, bias)

        yield row_of("kernel", "linear", name, s, 0, "torch eager"), make

        def product(buffers, inputs=inputs, outputs=outputs):
            x, weight = buffers.random(s.rows, inputs), buffers.weight(outputs, inputs).t()
            return lambda: torch.matmul(x, weight)

        yield row_of("kernel", "linear", name, s, 0, "cuBLAS"), product


def attention_rows(s):
    head = s.width // s.heads
    for contender, run in sdpa_backends():

        def make(buffers, run=run):
            qkv = buffers.random(s.sequences, s.tokens, 3, s.heads, head)
            q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
            return lambda: run(q, k, v)

        yield row_of("kernel", "attention", f"{s.heads} heads of {head}", s, 0, contender), make


def norm_rows(s):
    for contender, run in contenders(modulated):

        def make(buffers, run=run):
            x = buffers.random(s.sequences, s.tokens, s.width)
            shift, scale = (buffers.random(s.sequences, 1, s.width) for _ in range(2))
            return lambda: run(x, shift, scale)

        yield row_of("kernel", "layerNormModulate", "", s, 0, contender), make


def calibrated_rows(s, rank):
    for name, inputs, outputs, parts in layers_of(s.width):
        for contender, run in contenders(calibrated):

            def make(buffers, run=run, inputs=inputs, outputs=outputs, parts=parts):
                operands = (buffers.random(s.rows, inputs), buffers.random(s.rows, inputs), buffers.random(s.rows, outputs))
                down = buffers.weight(parts * rank, inputs)
                ups = [buffers.weight(outputs // parts, rank) for _ in range(parts)]
                return lambda: run(*operands, down, ups)

            yield row_of("kernel", "calibratedLinear", name, s, rank, contender), make


def mlp_rows(s, rank):
    hidden = 4 * s.width
    for contender, run in contenders(calibrated_mlp):

        def make(buffers, run=run):
            operands = [buffers.random(s.rows, columns) for columns in (s.width, s.width, hidden, s.width)]
            sides = ((rank, s.width), (hidden, rank), (rank, hidden), (s.width, rank))
            factors = [buffers.weight(*side) for side in sides]
            return lambda: run(*operands, factors)

        yield row_of("kernel", "calibratedMlp", "fc1, fc2", s, rank, contender), make


def run(sizes, device, lists):
    for shape in sizes.shapes():
        for row, make in rows(shape, sizes.ranks):
            report(row, (lambda: 0.0) if lists else (lambda make=make: milliseconds(make, device)))
