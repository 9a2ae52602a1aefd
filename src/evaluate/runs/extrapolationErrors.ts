/**
 * Errors of extrapolating from several computed steps, for every distance to them and between them: the change of the
 * predicted noise on the uncached trajectory, times what such a change does to the final latents. The latter is measured
 * at every step with the closest computed steps alone, by sampling on without a cache. How a single change grows is
 * mostly chance, so its logarithm is averaged over images and over neighbouring steps.
 */
import { type KindErrors, placeOf, placesOf } from '../../cache/data/errorTable.js';
import type { AnyCacheOptions } from '../../pipeline/options.js';
import { distance, imageDistances } from '../metrics/distances.js';
import type { MeasuringBench, MeasuringUnit, UnitResults } from './measuringUnit.js';

export interface ExtrapolationErrorsOptions {
  /** The policy and what it needs, without a schedule. */
  readonly cache: AnyCacheOptions;
  readonly order: number;
  readonly steps: number;
  readonly gaps: number;
}

/** Sensitivities are averaged over so many steps to both sides, as a share of all. */
const NEIGHBOURS = 0.1;

export class ExtrapolationErrors {
  constructor(readonly options: ExtrapolationErrorsOptions) {}

  get units(): MeasuringUnit[] {
    const { order, steps } = this.options;
    const cached = Array.from({ length: steps - 1 - order }, (_, i) => order + 1 + i);
    return [
      ...cached.map((step) => this.#sensitivityUnit(step)),
      ...this.#spacings().map((between) => this.#changesUnit(between)),
    ];
  }

  errors(results: UnitResults): KindErrors {
    const { steps, gaps } = this.options;
    const errors = new Float64Array(placesOf(this.options));
    const sensitivities = this.#sensitivities(results);
    for (const between of this.#spacings()) {
      const changes = results.get(changesName(between))!;
      for (let step = 1; step < steps; step++)
        for (let gap = 1; gap <= gaps; gap++)
          errors[placeOf(gaps, step, [gap, ...between])] =
            changes[placeOf(gaps, step, [gap])]! * sensitivities[step]!;
    }
    return { steps: errors };
  }

  /** What a change of 1 in the prediction of a step does to the final latents, relative to them. */
  #sensitivityUnit(step: number): MeasuringUnit {
    const { order, steps } = this.options;
    const between = new Array<number>(order).fill(1);
    return {
      name: `sensitivity.${step}`,
      evaluations: order + 2 + steps - 1 - step,
      measure: async (bench) => {
        const { predictions, final, options } = bench.trajectory;
        const { images } = options;
        const { network, last } = await this.#computed(bench, between, step - 1);
        const prediction = await bench.predict(network, last + 1, step);
        const changes = imageDistances(prediction.noise, predictions[step]!.noise, images);
        const ends = imageDistances(await bench.finish(step, prediction), final, images);
        const growth = geometricMean(ends.map((end, image) => end / changes[image]!));
        return Float64Array.of(growth / distance(final, new Float32Array(final.length)));
      },
    };
  }

  /** With so many steps between the computed ones: the change of the prediction for every step and gap. */
  #changesUnit(between: readonly number[]): MeasuringUnit {
    const { order, steps, gaps } = this.options;
    const first = total(between);
    const bases = Array.from({ length: Math.max(0, steps - 1 - first) }, (_, i) => first + i);
    const gapsOf = (base: number) => Math.min(gaps, steps - 1 - base);
    return {
      name: changesName(between),
      evaluations: bases.reduce((sum, base) => sum + order + 1 + gapsOf(base), 0),
      measure: async (bench) => {
        const changes = new Float64Array(steps * gaps);
        for (const base of bases) {
          const { network, last } = await this.#computed(bench, between, base);
          for (let gap = 1; gap <= gapsOf(base); gap++) {
            const { noise } = await bench.predict(network, last + gap, base + gap);
            const change = distance(noise, bench.trajectory.predictions[base + gap]!.noise);
            changes[placeOf(gaps, base + gap, [gap])] = change;
          }
        }
        return changes;
      },
    };
  }

  /** Computes step `base` and those before it; `last` is its place in the network's cache. */
  async #computed(bench: MeasuringBench, between: readonly number[], base: number) {
    const last = total(between);
    // From the first of them to the last.
    const places = between.map((_, i) => last - total(between.slice(0, i + 1))).reverse();
    const cache = { ...this.options.cache, gatherSteps: [...places, last] };
    const network = await bench.network(changesName(between), cache, last + this.options.gaps + 1);
    for (const place of cache.gatherSteps) await bench.predict(network, place, base - last + place);
    return { network, last };
  }

  #sensitivities(results: UnitResults): number[] {
    const { order, steps } = this.options;
    const measured = Array.from({ length: steps }, (_, step) => results.get(`sensitivity.${step}`)?.[0]);
    const reach = Math.round(NEIGHBOURS * steps);
    return measured.map((own, step) => {
      // What the last step predicts is not sampled on: it is like no other.
      if (own === undefined || step === steps - 1) return own ?? 0;
      return geometricMean(
        measured.slice(Math.max(order + 1, step - reach), Math.min(steps - 1, step + reach + 1)),
      );
    });
  }

  /** Every choice of steps between the computed ones, the last ones first. */
  #spacings(): number[][] {
    const { order, gaps } = this.options;
    let all: number[][] = [[]];
    for (let i = 0; i < order; i++)
      all = all.flatMap((between) => Array.from({ length: gaps + 1 }, (_, steps) => [...between, steps + 1]));
    return all;
  }
}

function changesName(between: readonly number[]): string {
  return `changes.${between.join('.')}`;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Geometric mean of the values that are positive and finite; a change of nothing grows to nothing. */
function geometricMean(values: readonly (number | undefined)[]): number {
  const logarithms = values.flatMap((value = 0) => (value > 0 && value < Infinity ? [Math.log(value)] : []));
  return logarithms.length > 0 ? Math.exp(total(logarithms) / logarithms.length) : 0;
}
