/** What every contender computes: one block of a DiT on given weights, tokens and modulation. */
import { normals } from '../../src/diffusion/philox.js';
import { type DiTConfig, namedConfig, tensorShapes } from '../../src/models/dit/config.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { tokensOf } from '../../src/models/transformer/config.js';
import type { Tensor } from '../tensor.js';

export interface BlockProblem {
  readonly config: DiTConfig;
  readonly images: number;
  readonly tokens: number;
  /** By their names in a checkpoint (`blocks.0.attn.qkv.weight`), outputs x inputs. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** Of a calibrated block, by name (`blocks.0.q.down`): rank x inputs, and `up`, outputs x rank. */
  readonly factors: ReadonlyMap<string, Tensor>;
  /** images * tokens x hidden. */
  readonly x: Tensor;
  /** The tokens of the step that the cache of a calibrated block holds: not far from `x`, as one step from the next. */
  readonly cachedX: Tensor;
  /** images x 6 hidden: shift, scale and gate of the attention, then of the MLP. */
  readonly modulation: Tensor;
}

/** Of the factors; the paper's go from 64 to 256 at this width. */
export const RANK = 128;

const IMAGES = 2;
const SEED = 1;

/** Weights and factors that keep the variance of what they are given, so that attention and GELU see values of a real model's size. */
export function blockProblem(model: string): BlockProblem {
  const config = namedConfig(model);
  const tokens = tokensOf(config);
  let stream = 0;
  const random = (shape: readonly number[], deviation: number): Tensor => {
    const count = shape.reduce((a, b) => a * b, 1);
    return { shape, data: normals(SEED, stream++, 0, count).map((value) => value * deviation) };
  };
  const linears = [...tensorShapes(config)].filter(([name]) => /^blocks\.0\.(attn|mlp)\./.test(name));
  const weights = linears.map(([name, shape]): [string, Tensor] => [
    name,
    random(shape, shape.length === 2 ? shape[1]! ** -0.5 : 0.1),
  ]);
  const x = random([IMAGES * tokens, config.hiddenSize], 1);
  const modulation = random([IMAGES, 6 * config.hiddenSize], 0.3);
  const change = random(x.shape, 0.3).data;
  const { layers } = ditNetwork({ ...config, depth: 1 });
  const factors = layers.flatMap(({ name, inputs, outputs }): [string, Tensor][] => [
    [`${name}.down`, random([RANK, inputs], inputs ** -0.5)],
    [`${name}.up`, random([outputs, RANK], RANK ** -0.5)],
  ]);
  return {
    config,
    images: IMAGES,
    tokens,
    weights: new Map(weights),
    factors: new Map(factors),
    x,
    cachedX: { shape: x.shape, data: x.data.map((value, i) => value + change[i]!) },
    modulation,
  };
}

/** The problem's weight and bias of a linear, as in `attn.qkv`. */
export function linearOf({ weights }: BlockProblem, name: string): { weight: Tensor; bias: Tensor } {
  return {
    weight: weights.get(`blocks.0.${name}.weight`)!,
    bias: weights.get(`blocks.0.${name}.bias`)!,
  };
}
