/** Candidates of a tuning as their figures say: which meet a budget, which go on, which are on the front. */
import { median } from '../../median.js';
import type { TuneBudget } from './tune.js';
import { type CandidateRecord, IDENTICAL } from './tuneStore.js';

/** What a candidate was measured to cost and lose; see `RecipeMeasurement`. */
export interface Trial {
  readonly name: string;
  /** In dB, to the images without a cache: mean and standard deviation of those that differ from them. */
  readonly psnr: number;
  readonly spread: number;
  readonly images: number;
  /** As shares of a run without a cache. */
  readonly macs: number;
  readonly time: number;
  readonly cacheBytes: number;
}

export function trialOf(name: string, record: CandidateRecord): Trial {
  const { psnrs, ratios, macs, milliseconds, uncachedMilliseconds, cacheBytes } = record;
  const differing = psnrs.filter((value) => value < IDENTICAL);
  const psnr = differing.length > 0 ? mean(differing) : IDENTICAL;
  const squares = differing.reduce((sum, value) => sum + (value - psnr) ** 2, 0);
  return {
    name,
    psnr,
    spread: differing.length > 1 ? Math.sqrt(squares / (differing.length - 1)) : 0,
    images: psnrs.length,
    macs,
    time: ratios.length > 0 ? median(ratios) : milliseconds / uncachedMilliseconds,
    cacheBytes,
  };
}

/** Those that meet the budget: of the most quality first, or, where quality is what is asked for, of the least time. */
export function bestFirst(trials: readonly Trial[], budget: TuneBudget): Trial[] {
  if (budget.kind === 'psnr')
    return trials.filter(({ psnr }) => psnr >= budget.least).sort((a, b) => a.time - b.time);
  return trials
    .filter((trial) => trial[budget.kind] <= budget.most)
    .sort((a, b) => b.psnr - a.psnr || a.cacheBytes - b.cacheBytes);
}

/** Tolerance for few images: dB, and a share of the time, by which a candidate may miss the budget and go on. */
const [SLACK_PSNR, SLACK_TIME] = [1, 1.1];

/** The `count` that go on: those that nearly meet the budget, then those that miss it by least. */
export function standing(trials: readonly Trial[], budget: TuneBudget, count: number): Trial[] {
  const loose: TuneBudget =
    budget.kind === 'psnr'
      ? { kind: 'psnr', least: budget.least - SLACK_PSNR }
      : { kind: budget.kind, most: budget.kind === 'time' ? budget.most * SLACK_TIME : budget.most };
  const meeting = bestFirst(trials, loose);
  const others = trials.filter((trial) => !meeting.includes(trial));
  return [...meeting, ...nearestFirst(others, budget)].slice(0, count);
}

export function nearestFirst(trials: readonly Trial[], { kind }: TuneBudget): Trial[] {
  return [...trials].sort((a, b) => (kind === 'psnr' ? b.psnr - a.psnr : a[kind] - b[kind]));
}

export function isOnFront(trial: Trial, all: readonly Trial[], { kind }: TuneBudget): boolean {
  const cost = kind === 'macs' ? 'macs' : 'time';
  return !all.some((other) => other.psnr > trial.psnr && other[cost] <= trial[cost]);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
