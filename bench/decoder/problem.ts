/** The decoder of Stable Diffusion's autoencoder at its real size, with random weights. */
import { normals } from '../../src/diffusion/philox.js';
import type { VaeConfig } from '../../src/models/vae/config.js';
import { decoderPlan } from '../../src/models/vae/graph.js';
import { planCost } from '../../src/plan/cost.js';
import type { Tensor } from '../tensor.js';

/** As of stabilityai/sd-vae-ft-ema, which DiT-XL/2 goes with. */
export const CONFIG: VaeConfig = {
  imageChannels: 3,
  latentChannels: 4,
  channels: [128, 256, 512, 512],
  layersPerBlock: 2,
  groups: 32,
  sampleSize: 256,
  scalingFactor: 0.18215,
  shiftFactor: 0,
  quantConv: true,
  postQuantConv: true,
  midAttention: true,
};

export interface DecoderProblem {
  /** Side of the latent. */
  readonly side: number;
  readonly latents: Tensor;
  /** By canonical name; weights keep the variance of what they are given. */
  readonly tensor: (name: string) => Tensor;
  /** Every weight, in the shape that a checkpoint has it. */
  readonly shapes: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly flops: number;
}

const SEED = 1;

export function decoderProblem(side: number): DecoderProblem {
  const plan = decoderPlan(CONFIG, { height: side, width: side });
  const weights = plan.buffers.filter(({ role }) => role === 'weight');
  const made = new Map<string, Tensor>();
  const tensor = (name: string): Tensor => {
    const known = made.get(name);
    if (known) return known;
    const stream = weights.findIndex((buffer) => buffer.name === name);
    const { rows, columns } = weights[stream]!;
    const isVector = rows === 1;
    const values = normals(SEED, stream, 0, rows * columns);
    // Gains of norms about 1, all other vectors small.
    const [mean, deviation] = isVector ? [/norm.*\.weight$/.test(name) ? 1 : 0, 0.1] : [0, columns ** -0.5];
    for (let i = 0; i < values.length; i++) values[i] = mean + deviation * values[i]!;
    const result = { shape: isVector ? [columns] : [rows, columns], data: values };
    made.set(name, result);
    return result;
  };
  const shape = [1, CONFIG.latentChannels, side, side];
  const latents = {
    shape,
    data: normals(
      SEED,
      weights.length,
      0,
      shape.reduce((a, b) => a * b),
    ),
  };
  const shapes = weights.map(({ name, rows, columns }) => ({
    name,
    shape: rows === 1 ? [columns] : [rows, columns],
  }));
  return { side, latents, tensor, shapes, flops: 2 * planCost(plan).macs };
}
