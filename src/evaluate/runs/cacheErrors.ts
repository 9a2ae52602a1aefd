/**
 * Errors of caching against one computed step: every step is taken again with a cache of the step 1 to `gaps` before it
 * and sampled on without a cache to the end: an error counts by what it does to the image, not to the step it is made
 * at. It is the relative L2 of the final latents, all images as one vector. Then each sublayer is cached alone, and its error
 * is estimated from how the change of the predicted noise compares with that of all.
 */

import { type KindErrors, placeOf } from '../../cache/data/errorTable.js';
import type { CacheKind } from '../../cache/measuredErrors.js';
import { Schedule } from '../../cache/schedule.js';
import type { AnyCacheOptions } from '../../pipeline/options.js';
import { distance } from '../metrics/distances.js';
import { relativeL2 } from '../metrics/relativeL2.js';
import type { MeasuringBench, MeasuringUnit, UnitResults } from './measuringUnit.js';

export interface CacheErrorsOptions {
  readonly kind: CacheKind;
  readonly cache: AnyCacheOptions;
  readonly steps: number;
  readonly gaps: number;
  /** Names of the sublayers. */
  readonly layers: readonly string[];
}

export class CacheErrors {
  constructor(readonly options: CacheErrorsOptions) {}

  get units(): MeasuringUnit[] {
    const { steps, layers } = this.options;
    const bases = Array.from({ length: steps - 1 }, (_, base) => this.#wholeUnit(base));
    return [...bases, ...layers.map((layer) => this.#layerUnit(layer))];
  }

  errors(results: UnitResults): KindErrors {
    const { kind, steps, gaps, layers } = this.options;
    const whole = new Float64Array(steps * gaps);
    const sublayers = new Float64Array(steps * gaps * layers.length);
    for (let base = 0; base < steps - 1; base++) {
      const pairs = results.get(`${kind}.${base}`)!;
      for (const [i, step] of this.#stepsAfter(base).entries()) {
        const place = placeOf(gaps, step, [i + 1]);
        const [change, error] = pairs.subarray(2 * i);
        whole[place] = error!;
        for (const [column, layer] of layers.entries()) {
          const alone = results.get(`${kind}.${layer}`)![place]!;
          if (alone > 0) sublayers[place * layers.length + column] = (alone / change!) * error!;
        }
      }
    }
    return { steps: whole, sublayers };
  }

  /** Everything cached against step `base`: the change of the prediction and the final error, for every gap. */
  #wholeUnit(base: number): MeasuringUnit {
    const { kind, steps } = this.options;
    const after = this.#stepsAfter(base);
    const sampledOn = after.reduce((sum, step) => sum + steps - 1 - step, 0);
    return {
      name: `${kind}.${base}`,
      evaluations: 1 + after.length + sampledOn,
      measure: async (bench) => {
        const { predictions, final } = bench.trajectory;
        const network = await this.#network(bench, undefined);
        const pairs: number[] = [];
        await bench.predict(network, 0, base);
        for (const step of after) {
          const prediction = await bench.predict(network, 1, step);
          pairs.push(distance(prediction.noise, predictions[step]!.noise));
          pairs.push(relativeL2(await bench.finish(step, prediction), final));
        }
        return Float64Array.from(pairs);
      },
    };
  }

  /** One sublayer cached: the change of the prediction for every step and gap. */
  #layerUnit(layer: string): MeasuringUnit {
    const { kind, steps, gaps } = this.options;
    const bases = Array.from({ length: steps - 1 }, (_, base) => base);
    return {
      name: `${kind}.${layer}`,
      evaluations: bases.reduce((sum, base) => sum + 1 + this.#stepsAfter(base).length, 0),
      measure: async (bench) => {
        const network = await this.#network(bench, layer);
        const changes = new Float64Array(steps * gaps);
        for (const base of bases) {
          await bench.predict(network, 0, base);
          for (const [i, step] of this.#stepsAfter(base).entries()) {
            const prediction = await bench.predict(network, 1, step);
            const change = distance(prediction.noise, bench.trajectory.predictions[step]!.noise);
            changes[placeOf(gaps, step, [i + 1])] = change;
          }
        }
        return changes;
      },
    };
  }

  /** For two steps: everything is gathered, then `cached`, or everything, is scattered. */
  #network(bench: MeasuringBench, cached: string | undefined) {
    const { kind, cache, layers } = this.options;
    const schedule = Schedule.fromRule(layers, 2, (_, layer) => cached !== undefined && layer !== cached);
    return bench.network(`${kind} ${cached}`, { ...cache, schedule }, 2);
  }

  #stepsAfter(base: number): number[] {
    const { steps, gaps } = this.options;
    return Array.from({ length: Math.min(gaps, steps - 1 - base) }, (_, i) => base + 1 + i);
  }
}
