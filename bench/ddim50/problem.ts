/** What every contender runs: DDIM-50 of a DiT of random weights on two images with guidance. */
import type { CachePolicyName } from '../../src/cache/cachePolicy.js';
import { stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { bothBranches } from '../../src/diffusion/guidance.js';
import { normals } from '../../src/diffusion/philox.js';
import { planSession, type SessionPlan } from '../../src/engine/sessionPlan.js';
import { type DiTConfig, tensorShapes } from '../../src/models/dit/config.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { labelsInTurn } from '../../src/models/network.js';
import { labelConditions, sequencesOf } from '../../src/pipeline/sequences.js';
import type { FloatType } from '../../src/plan/types.js';
import { sizeOf, type Tensor } from '../tensor.js';

export const STEPS = 50;
export const GUIDANCE_SCALE = 4;

export interface RunProblem {
  readonly config: DiTConfig;
  /** Of the images. */
  readonly labels: readonly number[];
  /** Of all factors. */
  readonly rank: number;
  /** Images x channels x height x width. */
  readonly noise: Float32Array;
  /** By its name in a checkpoint, or of a factor (`factors.blocks.0.fc1.down`); made once. */
  tensor(name: string): Tensor;
}

const SEED = 1;

/** Weights and factors that keep the variance of what they are given, as `blockProblem`'s. */
export function runProblem(config: DiTConfig, images: number, rank: number): RunProblem {
  return {
    config,
    labels: labelsInTurn(ditNetwork(config), images),
    rank,
    noise: normals(SEED, 0, 0, images * config.inChannels * config.inputSize ** 2),
    tensor: randomTensors([...tensorShapes(config), ...factorShapes(config, rank)]),
  };
}

/** The same run with factors of another rank; the weights are shared. */
export function withRank(problem: RunProblem, rank: number): RunProblem {
  const shapes = factorShapes(problem.config, rank);
  const [factors, names] = [randomTensors(shapes), new Set(shapes.map(([name]) => name))];
  return {
    ...problem,
    rank,
    tensor: (name) => (names.has(name) ? factors(name) : problem.tensor(name)),
  };
}

function randomTensors(shapes: readonly [string, readonly number[]][]): (name: string) => Tensor {
  const shapeOf = new Map(shapes);
  const known = new Map<string, Tensor>();
  const names = [...shapeOf.keys()];
  const make = (name: string): Tensor => {
    const shape = shapeOf.get(name)!;
    const deviation = shape.length > 1 ? (sizeOf(shape) / shape[0]!) ** -0.5 : 0.1;
    return { shape, data: uniforms(names.indexOf(name), sizeOf(shape), deviation) };
  };
  return (name) => {
    const tensor = known.get(name) ?? make(name);
    known.set(name, tensor);
    return tensor;
  };
}

/** With mean 0. A DiT-XL/2 has 675 million weights: numbers that cost little will do. */
function uniforms(seed: number, count: number, deviation: number): Float32Array {
  const values = new Float32Array(count);
  const step = (deviation * Math.sqrt(3)) / 2 ** 31;
  let bits = Math.imul(seed + 1, 0x9e3779b1) | 1;
  for (let i = 0; i < count; i++) {
    // Marsaglia's xorshift.
    bits ^= bits << 13;
    bits ^= bits >>> 17;
    bits ^= bits << 5;
    values[i] = bits * step;
  }
  return values;
}

function factorShapes(config: DiTConfig, rank: number): [string, readonly number[]][] {
  return ditNetwork(config).layers.flatMap(({ name, inputs, outputs }): [string, readonly number[]][] => [
    [`factors.${name}.down`, [rank, inputs]],
    [`factors.${name}.up`, [outputs, rank]],
  ]);
}

export interface Policy {
  readonly policy: CachePolicyName;
  readonly period: number;
  /** Of the factors, where it is not the problem's. */
  readonly rank?: number;
}

export function runPlan(
  { config, labels, rank }: RunProblem,
  { policy, period }: Policy,
  activations: FloatType,
): SessionPlan {
  const network = ditNetwork(config);
  const schedule = Schedule.fromPeriod(scheduleLayers(network, 'linear'), STEPS, period);
  const scatter = policy === 'reuse' ? 'reuse' : 'calibrate';
  const { all, distinct } = sequencesOf(network, labelConditions(network, labels), true);
  return planSession(network, {
    sequences: all.length,
    conditions: distinct.length,
    steps: stepActions(network, schedule, () => scatter),
    rank: () => rank,
    activations,
  });
}

/** What a step is given. */
export interface StepInputs {
  /** Sequences x channels x height x width. */
  readonly latents: Tensor;
  /** Sequences x columns of the modulation table. */
  readonly modulation: Tensor;
}

/** Of the second step: `latents` of the images after the first, `table` the modulation of the whole run. */
export function secondStep(
  { config, labels }: RunProblem,
  latents: Float32Array,
  table: Float32Array,
  width: number,
): StepInputs {
  const network = ditNetwork(config);
  const { all, distinct, places } = sequencesOf(network, labelConditions(network, labels), true);
  const modulation = new Float32Array(all.length * width);
  for (const [sequence, place] of places.entries()) {
    const row = distinct.length + place;
    modulation.set(table.subarray(row * width, (row + 1) * width), sequence * width);
  }
  const { inChannels, inputSize } = config;
  return {
    latents: {
      shape: [all.length, inChannels, inputSize, inputSize],
      data: bothBranches(latents),
    },
    modulation: { shape: [all.length, width], data: modulation },
  };
}
