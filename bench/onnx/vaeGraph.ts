/**
 * The decoder of an autoencoder as an ONNX graph, as PyTorch's exporter writes it: group norm is InstanceNormalization of the
 * channels reshaped to their groups, with a factor and a sum behind it; SiLU is a sigmoid and a product.
 */
import { GROUP_NORM_EPSILON, layersOf, scaleOf, type VaeConfig } from '../../src/models/vae/config.js';
import type { PixelSize } from '../../src/models/vae/graph.js';
import type { Tensor } from '../tensor.js';
import { OnnxGraph } from './graph.js';

export interface VaeModelOptions extends PixelSize {
  readonly config: VaeConfig;
  /** Tensors by their canonical names, convolutions out x (in * kernel * kernel). */
  readonly tensor: (name: string) => Tensor;
}

/** The ModelProto of `decoderPlan`. Input `latents`, 1 x channels x height x width; output `y`, 1 x 3 x height x width of the picture. */
export function decoderModel(options: VaeModelOptions): Uint8Array {
  const { config, height, width } = options;
  const onnx = new OnnxGraph('decoder');
  const latents = onnx.input('latents', [1, config.latentChannels, height, width]);
  const graph = new VaeOnnx(onnx, options);
  let x = config.postQuantConv ? graph.convolution('post_quant_conv', latents, 1) : latents;
  x = graph.convolution('decoder.conv_in', x, 3);
  const widths = [...config.channels].reverse();
  const middle = widths[0]!;
  x = graph.resnet('decoder.mid_block.resnets.0', x, middle, middle);
  if (config.midAttention) x = graph.attention('decoder.mid_block.attentions.0', x, middle, options);
  x = graph.resnet('decoder.mid_block.resnets.1', x, middle, middle);
  let from = middle;
  for (const [level, to] of widths.entries()) {
    for (let place = 0; place < layersOf(config, 'up'); place++) {
      x = graph.resnet(`decoder.up_blocks.${level}.resnets.${place}`, x, from, to);
      from = to;
    }
    if (level < widths.length - 1)
      x = graph.convolution(`decoder.up_blocks.${level}.upsamplers.0.conv`, graph.upsample(x), 3);
  }
  x = graph.silu(graph.norm('decoder.conv_norm_out', x, from));
  graph.convolution('decoder.conv_out', x, 3, 'y');
  const scale = scaleOf(config);
  onnx.output('y', [1, config.imageChannels, height * scale, width * scale]);
  return onnx.model();
}

class VaeOnnx {
  readonly #graph: OnnxGraph;
  readonly #tensor: VaeModelOptions['tensor'];
  readonly #byGroup: string;
  readonly #ones: string;
  readonly #zeros: string;
  readonly #scales: string;

  constructor(graph: OnnxGraph, { config, tensor }: VaeModelOptions) {
    this.#graph = graph;
    this.#tensor = tensor;
    this.#byGroup = this.#sizes('byGroup', 1, config.groups, -1);
    this.#ones = graph.constant('ones', [config.groups], new Float32Array(config.groups).fill(1));
    this.#zeros = graph.constant('zeros', [config.groups], new Float32Array(config.groups));
    this.#scales = graph.constant('scales', [4], Float32Array.of(1, 1, 2, 2));
  }

  convolution(name: string, x: string, kernel: 1 | 3, output?: string): string {
    const { data, shape } = this.#tensor(`${name}.weight`);
    const [out, columns] = shape as [number, number];
    const sides = [out, columns / kernel ** 2, kernel, kernel];
    const weight = this.#graph.constant(`${name}.weight`, sides, data);
    const bias = this.#vector(`${name}.bias`);
    const pad = (kernel - 1) / 2;
    const attributes = { kernel_shape: [kernel, kernel], pads: [pad, pad, pad, pad] };
    return this.#graph.node('Conv', [x, weight, bias], attributes, output === undefined ? {} : { output });
  }

  resnet(name: string, x: string, from: number, to: number): string {
    const hidden = this.convolution(`${name}.conv1`, this.silu(this.norm(`${name}.norm1`, x, from)), 3);
    const out = this.convolution(`${name}.conv2`, this.silu(this.norm(`${name}.norm2`, hidden, to)), 3);
    const shortcut = from === to ? x : this.convolution(`${name}.conv_shortcut`, x, 1);
    return this.#graph.node('Add', [shortcut, out]);
  }

  /** One head of all channels over all positions. */
  attention(name: string, x: string, channels: number, { height, width }: PixelSize): string {
    const graph = this.#graph;
    const rows = this.#sizes('rows', channels, height * width);
    const flat = graph.node(
      'Transpose',
      [graph.node('Reshape', [this.norm(`${name}.group_norm`, x, channels), rows])],
      {
        perm: [1, 0],
      },
    );
    const [q, k, v] = ['to_q', 'to_k', 'to_v'].map((part) => this.#gemm(`${name}.${part}`, flat)) as [
      ...[string, string, string],
    ];
    const scores = graph.node('Gemm', [q, k], { transB: 1, alpha: { float: channels ** -0.5 } });
    const attended = graph.node('MatMul', [graph.node('Softmax', [scores], { axis: 1 }), v]);
    const out = graph.node('Transpose', [this.#gemm(`${name}.to_out.0`, attended)], { perm: [1, 0] });
    return graph.node('Add', [
      x,
      graph.node('Reshape', [out, this.#sizes('planes', 1, channels, height, width)]),
    ]);
  }

  norm(name: string, x: string, channels: number): string {
    const graph = this.#graph;
    const grouped = graph.node('Reshape', [x, this.#byGroup]);
    const epsilon = { epsilon: { float: GROUP_NORM_EPSILON } };
    const normalised = graph.node('InstanceNormalization', [grouped, this.#ones, this.#zeros], epsilon);
    const shape = graph.node('Shape', [x]);
    const planes = graph.node('Reshape', [normalised, shape]);
    const factor = this.#vector(`${name}.weight`, channels, 1, 1);
    return graph.node('Add', [
      graph.node('Mul', [planes, factor]),
      this.#vector(`${name}.bias`, channels, 1, 1),
    ]);
  }

  silu(x: string): string {
    return this.#graph.node('Mul', [x, this.#graph.node('Sigmoid', [x])]);
  }

  upsample(x: string): string {
    const attributes = {
      mode: 'nearest',
      nearest_mode: 'floor',
      coordinate_transformation_mode: 'asymmetric',
    };
    return this.#graph.node('Resize', [x, '', this.#scales], attributes);
  }

  #gemm(name: string, x: string): string {
    const { data, shape } = this.#tensor(`${name}.weight`);
    const weight = this.#graph.constant(`${name}.weight`, shape, data);
    return this.#graph.node('Gemm', [x, weight, this.#vector(`${name}.bias`)], { transB: 1 });
  }

  #vector(name: string, ...shape: readonly number[]): string {
    const { data } = this.#tensor(name);
    return this.#graph.constant(name, shape.length > 0 ? shape : [data.length], data);
  }

  #sizes(name: string, ...sizes: readonly number[]): string {
    return this.#graph.constant(`shape.${name}`, [sizes.length], BigInt64Array.from(sizes.map(BigInt)));
  }
}
