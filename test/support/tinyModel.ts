/** A DiT of random weights, small enough for hundreds of steps a second. */
import { type DiTConfig, tensorShapes } from '../../src/models/dit/config.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { type TensorToWrite, writeSafetensors } from '../../src/weights/safetensors.js';
import { Random } from './random.js';

export const TINY: DiTConfig = {
  inputSize: 8,
  patchSize: 2,
  inChannels: 1,
  hiddenSize: 32,
  depth: 2,
  heads: 2,
  mlpSize: 64,
  classes: 3,
  learnSigma: true,
};

export const TINY_NETWORK = ditNetwork(TINY);

export interface TinyModelOptions {
  readonly config?: Partial<DiTConfig>;
  readonly seed?: number;
  readonly metadata?: Record<string, string>;
  /** Changes the tensors before they are written, for a checkpoint that is not what it must be. */
  readonly change?: (tensors: Map<string, TensorToWrite>) => void;
}

/** Writes the model to `path` and returns it. */
export function writeTinyModel(path: string, options: TinyModelOptions = {}): string {
  const config = { ...TINY, ...options.config };
  const random = new Random(options.seed ?? 1);
  const tensors = new Map<string, TensorToWrite>();
  for (const [name, shape] of tensorShapes(config)) {
    const count = shape.reduce((product, size) => product * size, 1);
    tensors.set(name, { name, dtype: 'F32', shape, data: random.normals(count, scaleOf(name, shape)) });
  }
  options.change?.(tensors);
  const metadata = options.metadata ?? { config: JSON.stringify({ num_heads: config.heads }) };
  writeSafetensors(path, tensors.values(), metadata);
  return path;
}

/** Such that activations stay of the order of one, and every part of the model matters. */
function scaleOf(name: string, shape: readonly number[]): number {
  if (name.endsWith('.bias')) return 0.1;
  if (name === 'pos_embed' || name.includes('embedding_table')) return 1;
  return 1 / Math.sqrt(shape.slice(1).reduce((product, size) => product * size, 1));
}
