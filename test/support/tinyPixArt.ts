/** A PixArt of random weights, small enough for hundreds of steps a second, under the names of the original code. */
import { type PixArtConfig, tensorShapes } from '../../src/models/pixart/config.js';
import { pixartNetwork } from '../../src/models/pixart/network.js';
import { type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { Random } from './random.js';

export const TINY_PIXART: PixArtConfig = {
  inputSize: 8,
  patchSize: 2,
  inChannels: 4,
  hiddenSize: 48,
  depth: 2,
  heads: 2,
  mlpSize: 96,
  learnSigma: true,
  captionChannels: 20,
  captionTokens: 6,
  sizeConditions: false,
  positionScale: 1,
};

/** Writes the model to `path` and returns it. */
export function writeTinyPixArt(
  path: string,
  changes: Partial<PixArtConfig> = {},
  change: (tensors: Map<string, TensorToWrite>) => void = () => {},
): string {
  const config = { ...TINY_PIXART, ...changes };
  const random = new Random(1);
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, shape] of tensorShapes(config)) {
    const count = shape.reduce((product, size) => product * size, 1);
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
    const scale = name.endsWith('.bias') ? 0.1 : name.endsWith('table') ? 0.5 : 1 / Math.sqrt(inputs);
    tensors.set(name, { name, dtype: 'F32', shape, data: random.normals(count, scale) });
  }
  change(tensors);
  writeSafetensors(path, tensors.values(), pixartNetwork(config).metadata);
  return path;
}
