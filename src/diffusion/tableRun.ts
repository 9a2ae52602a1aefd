import { ArgumentError, requireInteger } from '../errors.js';
import type { Prediction, SamplerRun, SamplerStep, StepNoise } from './sampler.js';

/** Follows a sampler's table: the one place where latents move. */
export class TableRun implements SamplerRun {
  readonly #table: readonly SamplerStep[];
  readonly #needsVariance: boolean;
  readonly #noise: StepNoise;
  /** x0 of the latest step, and of the one before it. */
  #x0 = new Float64Array(0);
  #earlier = new Float64Array(0);
  #latest = -1;

  constructor(table: readonly SamplerStep[], needsVariance: boolean, noise: StepNoise) {
    this.#table = table;
    this.#needsVariance = needsVariance;
    this.#noise = noise;
  }

  /** All checks come first: what does not fit would turn into NaN unseen. */
  advance(step: number, latents: Float32Array, prediction: Prediction): void {
    requireInteger('step', step, 0, this.#table.length - 1);
    const { x0, next, logDeviation } = this.#table[step]!;
    const { length } = latents;
    const predicted = requireLength('prediction.noise', prediction.noise, length);
    const variance = this.#needsVariance
      ? requireLength('prediction.variance', prediction.variance, length)
      : undefined;
    const [before, earlier] = this.#history(step, length);
    const { x0Earlier = 0 } = next;
    const fresh = logDeviation && requireLength('noise', this.#noise(step), length);
    for (let i = 0; i < length; i++) {
      const x = latents[i]!;
      const epsilon = predicted[i]!;
      const clean = held(x0.x * x + x0.noise * epsilon, x0.clip);
      const history = next.x0Before * before[i]! + x0Earlier * earlier[i]!;
      const mean = next.x * x + next.x0 * clean + history + next.noise * epsilon;
      latents[i] = fresh ? mean + deviation(logDeviation, variance?.[i] ?? 1) * fresh[i]! : mean;
      earlier[i] = clean;
    }
    this.#x0 = earlier;
    this.#earlier = before;
    this.#latest = step;
  }

  /** The x0 that the two steps before left, or zeros for a step that asks for none. */
  #history(step: number, length: number): [Float64Array<ArrayBuffer>, Float64Array<ArrayBuffer>] {
    const follows = this.#latest === step - 1 && this.#x0.length === length;
    if (follows) return [this.#x0, this.#earlier];
    const { x0Before, x0Earlier = 0 } = this.#table[step]!.next;
    if (x0Before === 0 && x0Earlier === 0) return [new Float64Array(length), new Float64Array(length)];
    throw new ArgumentError('step', step, 'one that follows the step before it, with as many latents');
  }
}

function held(value: number, clip: number | undefined): number {
  return clip === undefined ? value : Math.max(-clip, Math.min(clip, value));
}

/** Interpolates between the logarithms (Nichol and Dhariwal 2021, equation 15). */
function deviation([small, large]: readonly [number, number], variance: number): number {
  const share = (variance + 1) / 2;
  return Math.exp(share * large + (1 - share) * small);
}

function requireLength(argument: string, values: Float32Array | undefined, length: number): Float32Array {
  if (values?.length === length) return values;
  throw new ArgumentError(
    argument,
    values && `${values.length} values`,
    `${length} values, as many as the latents have`,
  );
}
