"""A block or a whole step of a DiT in PyTorch on the CPU, for bench/torch/process.ts.

python3 dit.py PROBLEM.safetensors block|step IMAGES HEADS THREADS f32|bf16

The file has weights under their names in a checkpoint, `modulation` (images x vectors of hidden) and, of a block, `x`
(images * tokens x hidden), of a step `latents` (images x channels x height x width).

Then a command a line on standard input, and an answer a line on standard output:
  run          computes once; answers the milliseconds it took
  write PATH   computes once and writes the result as raw float32; answers "written"
"""

import json
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError as error:
    print(f"absent {error}", flush=True)
    sys.exit()


def load(path):
    """Every tensor of a safetensors file of float32."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    values = torch.frombuffer(data, dtype=torch.float32)
    tensors = {}
    for name, entry in header.items():
        first, last = (offset // 4 for offset in entry["data_offsets"])
        tensors[name] = values[first:last].reshape(entry["shape"]).clone()
    return tensors


def attention(q, k, v):
    """Of images x heads x tokens x head dimension."""
    if hasattr(F, "scaled_dot_product_attention"):
        return F.scaled_dot_product_attention(q, k, v)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    return F.softmax(scores, dim=-1) @ v


def modulated(x, shift, scale):
    return torch.addcmul(shift, F.layer_norm(x, x.shape[-1:], eps=1e-6), 1 + scale)


def block(x, modulation, weights, heads, index=0):
    """x: images x tokens x hidden. modulation: six of images x 1 x hidden."""
    images, tokens, hidden = x.shape
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation

    def linear(name, y):
        return F.linear(y, weights[f"blocks.{index}.{name}.weight"], weights[f"blocks.{index}.{name}.bias"])

    qkv = linear("attn.qkv", modulated(x, shift1, scale1))
    q, k, v = qkv.reshape(images, tokens, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4)
    attended = attention(q, k, v).transpose(1, 2).reshape(images, tokens, hidden)
    x = torch.addcmul(x, gate1, linear("attn.proj", attended))
    y = F.gelu(linear("mlp.fc1", modulated(x, shift2, scale2)), approximate="tanh")
    return torch.addcmul(x, gate2, linear("mlp.fc2", y))


def step(latents, modulation, weights, heads):
    """latents: images x channels x side x side. modulation: six vectors a block, two of the final layer."""
    patch = weights["x_embedder.proj.weight"]
    size = patch.shape[-1]
    tokens = F.conv2d(latents, patch, weights["x_embedder.proj.bias"], stride=size)
    x = tokens.flatten(2).transpose(1, 2) + weights["pos_embed"]
    for index in range(len(modulation) // 6):
        x = block(x, modulation[6 * index : 6 * index + 6], weights, heads, index)
    x = modulated(x, *modulation[-2:])
    x = F.linear(x, weights["final_layer.linear.weight"], weights["final_layer.linear.bias"])
    side = latents.shape[-1] // size
    patches = x.reshape(len(latents), side, side, size, size, -1)
    return patches.permute(0, 5, 1, 3, 2, 4).reshape(len(latents), -1, side * size, side * size)


def main(path, what, images, heads, threads, precision):
    torch.set_num_threads(int(threads))
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
    tensors = {name: tensor.to(dtype) for name, tensor in load(path).items()}
    modulation = tensors.pop("modulation")
    hidden = tensors["blocks.0.attn.proj.bias"].shape[0]
    vectors = [m.unsqueeze(1).contiguous() for m in modulation.split(hidden, dim=1)]
    run, given = (block, tensors.pop("x").unflatten(0, (int(images), -1))) if what == "block" else (step, tensors.pop("latents"))
    print(f"ready {torch.__version__}", flush=True)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        start = time.perf_counter()
        result = run(given, vectors, tensors, int(heads))
        milliseconds = (time.perf_counter() - start) * 1e3
        if command == "write":
            result.float().contiguous().numpy().tofile(argument)
        print("written" if command == "write" else milliseconds, flush=True)


with torch.inference_mode():
    main(*sys.argv[1:])
