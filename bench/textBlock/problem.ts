/** What every contender computes: one block of a PixArt on given weights, tokens, modulation and text. */
import { normals } from '../../src/diffusion/philox.js';
import { type PixArtConfig, tensorShapes } from '../../src/models/pixart/config.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { tokensOf } from '../../src/models/transformer/config.js';
import { sizeOf, type Tensor } from '../tensor.js';

/** PixArt-XL/2 of 512 pixels: 1,024 tokens of width 1,152. */
export const XL: PixArtConfig = {
  ...{ inputSize: 64, patchSize: 2, inChannels: 4, learnSigma: true, positionScale: 1 },
  ...{ hiddenSize: 1152, depth: 1, heads: 16, mlpSize: 4608, sizeConditions: false },
  ...{ captionChannels: 4096, captionTokens: 120 },
};

/** Blocks of the whole network. */
export const BLOCKS = 28;
/** Of the paper's second experiment. */
export const RANK = 64;
export const PERIOD = 2;

/** A prompt under guidance. */
const SEQUENCES = 2;
const SEED = 1;

export interface TextBlockProblem {
  readonly config: PixArtConfig;
  readonly sequences: number;
  readonly rank: number;
  /** Weights and factors by name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** sequences * tokens x hidden, and those of the step before, not far from them. */
  readonly x: Tensor;
  readonly cachedX: Tensor;
  /** sequences x 6 hidden. */
  readonly modulation: Tensor;
  /** Keys and values of the text, sequences * captionTokens x 2 hidden, made once a prompt. */
  readonly text: Tensor;
}

export function textBlockProblem(config: PixArtConfig = XL, rank = RANK): TextBlockProblem {
  let stream = 0;
  const random = (shape: readonly number[], deviation: number): Tensor => ({
    shape,
    data: normals(SEED, stream++, 0, sizeOf(shape)).map((value) => value * deviation),
  });
  const { hiddenSize: c, captionTokens } = config;
  const weights = [...tensorShapes(config)].filter(([name]) => name.startsWith('blocks.0.'));
  const { layers } = pixartNetwork(config);
  const x = random([SEQUENCES * tokensOf(config), c], 1);
  const change = random(x.shape, 0.3).data;
  return {
    ...{ config, rank, sequences: SEQUENCES },
    tensors: new Map([
      ...weights.map(([name, shape]): [string, Tensor] => [
        name,
        random(shape, shape.length === 2 ? shape[1]! ** -0.5 : 0.1),
      ]),
      ...layers.flatMap(({ name, inputs, outputs }): [string, Tensor][] => [
        [`${name}.down`, random([rank, inputs], inputs ** -0.5)],
        [`${name}.up`, random([outputs, rank], 0.1 * rank ** -0.5)],
      ]),
      ['ones', { shape: [c], data: new Float32Array(c).fill(1) }],
    ]),
    x,
    cachedX: { shape: x.shape, data: x.data.map((value, i) => value + change[i]!) },
    modulation: random([SEQUENCES, 6 * c], 0.3),
    text: random([SEQUENCES * captionTokens, 2 * c], 1),
  };
}
