"""The block in PyTorch on the CPU, for bench/block/torch.ts.

python3 torch_block.py PROBLEM.safetensors IMAGES HEADS THREADS f32|bf16

Then a command a line on standard input, and an answer a line on standard output:
  run          computes the block once; answers the milliseconds it took
  write PATH   computes the block once and writes it as raw float32; answers "written"
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


def block(x, modulation, weights, heads):
    """x: images x tokens x hidden. modulation: six of images x 1 x hidden."""
    images, tokens, hidden = x.shape
    shift1, scale1, gate1, shift2, scale2, gate2 = modulation

    def linear(name, y):
        return F.linear(y, weights[f"blocks.0.{name}.weight"], weights[f"blocks.0.{name}.bias"])

    def modulated(y, shift, scale):
        return torch.addcmul(shift, F.layer_norm(y, (hidden,), eps=1e-6), 1 + scale)

    qkv = linear("attn.qkv", modulated(x, shift1, scale1))
    q, k, v = qkv.reshape(images, tokens, 3, heads, hidden // heads).permute(2, 0, 3, 1, 4)
    attended = attention(q, k, v).transpose(1, 2).reshape(images, tokens, hidden)
    x = torch.addcmul(x, gate1, linear("attn.proj", attended))
    y = F.gelu(linear("mlp.fc1", modulated(x, shift2, scale2)), approximate="tanh")
    return torch.addcmul(x, gate2, linear("mlp.fc2", y))


def main(path, images, heads, threads, precision):
    torch.set_num_threads(int(threads))
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[precision]
    tensors = {name: tensor.to(dtype) for name, tensor in load(path).items()}
    x = tensors.pop("x").unflatten(0, (int(images), -1))
    modulation = [m.unsqueeze(1).contiguous() for m in tensors.pop("modulation").chunk(6, dim=1)]
    print(f"ready {torch.__version__}", flush=True)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        start = time.perf_counter()
        result = block(x, modulation, tensors, int(heads))
        milliseconds = (time.perf_counter() - start) * 1e3
        if command == "write":
            result.float().numpy().tofile(argument)
        print("written" if command == "write" else milliseconds, flush=True)


with torch.inference_mode():
    main(*sys.argv[1:])
