/**
 * Which steps to compute, from Gram matrices alone: the schedule of so many computed steps under which the forecasts between
 * them miss least (after DPCache, arXiv 2602.22654, with errors of fitted coefficients in place of measured ones). Exact dynamic
 * programming over the last two computed steps: errors are those of two terms, more than which do not choose other steps.
 */
import { ArgumentError, requireInteger } from '../errors.js';
import type { Combination } from './combination.js';
import type { StepGrams } from './data/stepGrams.js';
import { fitCoefficients } from './fitCoefficients.js';

/** For sublayers that are reused or linears that are calibrated: the computed steps, in order, step 0 among them. Throws an `ArgumentError` unless `count` is from 2 to the steps there are. */
export function scheduleOfGrams(grams: StepGrams, of: Combination['of'], count: number): number[] {
  const { steps } = grams;
  requireInteger('computed', count, Math.min(2, steps), steps);
  if (steps === 1) return [0];
  const most = mostBetween(steps, count);
  const errors = new ForecastErrors(meanGram(grams, of), steps);
  // best[n] by `last * steps + before`: the least error of n computed steps that end so.
  let best = new Map<number, Path>();
  for (let last = 1; last <= Math.min(steps - 1, most); last++)
    best.set(last * steps, { error: errors.between([0], last), last, before: undefined });
  for (let computed = 2; computed < count; computed++) {
    const next = new Map<number, Path>();
    for (const [key, path] of best) {
      const before = key % steps;
      for (let step = path.last + 1; step <= Math.min(steps - 1, path.last + most); step++) {
        const error = path.error + errors.between([path.last, before], step);
        const place = step * steps + path.last;
        if (error < (next.get(place)?.error ?? Number.POSITIVE_INFINITY))
          next.set(place, { error, last: step, before: path });
      }
    }
    best = next;
  }
  const whole = [...best].map(([key, path]) => ({
    path,
    error: path.error + errors.between([path.last, key % steps], steps),
  }));
  const found = whole.reduce((a, b) => (b.error < a.error ? b : a));
  return [0, ...stepsOf(found.path)];
}

/**
 * The most steps from one computed step to the next: three, or as many as so few computed steps need. Errors of a gap are
 * those on the uncached trajectory; what they do to the steps behind them, they do not say, and it grows with the gap.
 */
export function mostBetween(steps: number, count: number): number {
  return Math.max(3, Math.ceil(steps / count));
}

interface Path {
  readonly error: number;
  readonly last: number;
  readonly before: Path | undefined;
}

function stepsOf(path: Path): number[] {
  const steps: number[] = [];
  for (let at: Path | undefined = path; at; at = at.before) steps.unshift(at.last);
  return steps;
}

/** Norms, not their squares: the last steps, at which features move most by far, would decide alone. */
class ForecastErrors {
  readonly #sums = new Map<string, number[]>();

  constructor(
    readonly gram: Float64Array,
    readonly steps: number,
  ) {}

  /** The error of all steps after `past`, the last one first, up to the next computed one; `steps` where there is none. */
  between(past: readonly number[], next: number): number {
    const key = past.join();
    let sums = this.#sums.get(key);
    if (!sums) {
      const first = past[0]! + 1;
      let sum = 0;
      sums = [0];
      for (let step = first; step < this.steps; step++) {
        const { error } = fitCoefficients({ gram: this.gram, step, past });
        sum += Math.sqrt(error * this.gram[step * this.steps + step]!);
        sums.push(sum);
      }
      this.#sums.set(key, sums);
    }
    return sums[next - past[0]! - 1]!;
  }
}

/** The mean over what is continued, each divided by its trace: no feature counts more for its size. */
function meanGram({ features, steps }: StepGrams, of: Combination['of']): Float64Array {
  const mean = new Float64Array(steps * steps);
  for (const [name, gram] of features) {
    if (!name.endsWith(of === 'reuse' ? '.output' : '.input')) continue;
    let trace = 0;
    for (let step = 0; step < steps; step++) trace += gram[step * steps + step]!;
    if (trace > 0) for (let i = 0; i < gram.length; i++) mean[i]! += gram[i]! / (trace * features.size);
  }
  if (mean.every((value) => value === 0))
    throw new ArgumentError('fits', 'features that are 0', 'features of a model, to choose steps by');
  return mean;
}
