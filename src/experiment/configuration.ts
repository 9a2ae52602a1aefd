/** Configurations that experiments compare, as data. */
import type { GATED_POLICIES } from '../cache/cachePolicy.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import type { SeriesBasis } from '../cache/series.js';
import type { FactorMethod } from '../calibrate/factors.js';
import { ArgumentError } from '../errors.js';
import type { Network } from '../models/network.js';
import type { AnyCacheOptions } from '../pipeline/options.js';
import type { Recipe } from '../pipeline/recipe.js';
import type { CalibrationChoice } from './calibrationData.js';
import type { ExperimentContext, Row, SamplingChoice } from './experiment.js';

export interface FactorChoice {
  readonly method: FactorMethod;
  readonly rank: number;
  /** Spread the rank over the layers by what each does to the image at this period and order, see `measureLayers`. */
  readonly spread?: { readonly period: number; readonly order: number };
  /** Default: see `defaultCalibration`. */
  readonly calibration?: CalibrationChoice;
}

/** What the caller gives, told from others by its hash. */
export interface Given {
  readonly kind: 'factors' | 'recipe';
  readonly hash: string;
}

export interface Configuration {
  /** Unique in its experiment. */
  readonly name: string;
  /** Configurations of one family are joined by a line in charts. */
  readonly family: string;
  /** Denoising steps; default: those of the experiment. */
  readonly steps?: number;
  /** Default: no cache. */
  readonly cache?: Omit<AnyCacheOptions, 'factors' | 'errors' | 'fits' | 'rule'>;
  readonly factors?: FactorChoice;
  /** For a policy that chooses by measured errors: the order of the extrapolation that they are of. */
  readonly errors?: number;
  /** Whether it goes by fitted coefficients. */
  readonly isFitted?: boolean;
  /** With factors of the caller, or all of a recipe. */
  readonly given?: Given;
  /** Columns of its own in the results. */
  readonly parameters?: Row;
}

/**
 * The configurations that the experiment is to do. Throws an `ArgumentError` that lists them for a text that is in no
 * name.
 */
export function chosen(
  configurations: readonly Configuration[],
  { only }: ExperimentContext,
): readonly Configuration[] {
  if (!only) return configurations;
  for (const text of only)
    if (!configurations.some(({ name }) => name.includes(text)))
      throw new ArgumentError(
        'only',
        text,
        `a part of one of these: ${configurations.map(({ name }) => name).join(', ')}`,
      );
  return configurations.filter(({ name }) => only.some((text) => name.includes(text)));
}

/** Trajectories that factors for a policy's own increments are made from. */
const OWN_TRAJECTORIES = 32;

/** The family of runs without a cache and with fewer steps: what any cache must beat. */
export const FEWER_STEPS = 'fewer steps';

/** The run that the others are compared with. */
export function uncached(sampling: SamplingChoice): Configuration {
  return { name: stepsName(sampling, sampling.steps), family: 'uncached' };
}

/** Runs without a cache that take a share of the experiment's steps; shares that round to the same are one. */
export function fewerSteps(sampling: SamplingChoice, shares: readonly number[]): Configuration[] {
  const counts = new Set(shares.map((share) => Math.max(1, Math.round(share * sampling.steps))));
  counts.delete(sampling.steps);
  return [...counts].map((steps) => ({ name: stepsName(sampling, steps), family: FEWER_STEPS, steps }));
}

export function reuse(period: number): Configuration {
  return { name: `reuse p=${period}`, family: 'reuse', cache: { policy: 'reuse', period } };
}

/** Increments to what a layer stored, or of order 1 to the line through its last two stores. */
export function calibrated(method: FactorMethod, rank: number, period: number, order = 0): Configuration {
  return withFactors(method, { method, rank }, period, order);
}

/** `calibrated` with factors made for the very increments that this period and order leave to them. */
export function calibratedOwn(rank: number, period: number, order: number): Configuration {
  const calibration = { data: 'trajectories', count: OWN_TRAJECTORIES, period, order } as const;
  return withFactors('own', { method: 'whitened', rank, calibration }, period, order);
}

/** The same with the rank spread over the layers. */
export function calibratedSpread(rank: number, period: number, order: number): Configuration {
  const { factors } = calibratedOwn(rank, period, order);
  return withFactors('spread', { ...factors!, spread: { period, order } }, period, order);
}

function withFactors(kind: string, factors: FactorChoice, period: number, order: number): Configuration {
  const family = `calibrated ${kind} r=${factors.rank}${order > 0 ? ` m=${order}` : ''}`;
  return {
    name: `${family} p=${period}`,
    family,
    cache: { policy: 'calibrated', period, ...(order > 0 && { order }) },
    factors,
  };
}

/** Policies that choose by measured errors, of an order, under a share of the MACs of the uncached run. */
export function budgeted(
  policy: 'searched' | 'mixed',
  budget: number,
  factors?: FactorChoice,
  order = 0,
): Configuration {
  const calibration = factors ? ` ${factors.method} r=${factors.rank}` : '';
  const name = `${policy}${calibration}${order > 0 ? ` m=${order}` : ''}`;
  return {
    name: `${name} budget ${budget}`,
    family: name,
    cache: { policy, budget },
    errors: order,
    ...(factors && { factors }),
  };
}

export function taylorSeer(order: number, period: number, basis: SeriesBasis = 'taylor'): Configuration {
  const family = `${basis === 'taylor' ? 'taylorseer' : basis} m=${order}`;
  return {
    name: `${family} p=${period}`,
    family,
    cache: { policy: 'taylorseer', order, period, basis },
  };
}

/** Attention alone reused, in the middle of the run. */
export function pab(period: number): Configuration {
  return { name: `pab p=${period}`, family: 'pab', cache: { policy: 'pab', period } };
}

/** Sublayers continued by fitted coefficients, between so many computed steps that the fits choose. */
export function fitted(terms: number, computed: number): Configuration {
  const family = `fitted terms=${terms}`;
  return {
    name: `${family} computed=${computed}`,
    family,
    cache: { policy: 'fitted', terms, computed },
    isFitted: true,
  };
}

/** Increments to fitted combinations, with factors made for what these leave. */
export function calibratedFitted(rank: number, terms: number, computed: number): Configuration {
  const family = `calibrated fitted r=${rank} terms=${terms}`;
  const calibration = { data: 'trajectories', count: OWN_TRAJECTORIES, terms, computed } as const;
  return {
    name: `${family} computed=${computed}`,
    family,
    cache: { policy: 'calibrated', terms, computed },
    factors: { method: 'whitened', rank, calibration },
    isFitted: true,
  };
}

/** `calibrated` as published, with factors of the caller. */
export function calibratedGiven({ hash }: FactorSet, period: number): Configuration {
  const family = 'calibrated given';
  return {
    name: `${family} p=${period}`,
    family,
    cache: { policy: 'calibrated', period },
    given: { kind: 'factors', hash },
  };
}

/** A recipe of the caller, whatever its policy. */
export function givenRecipe({ hash }: Recipe): Configuration {
  return { name: 'recipe', family: 'recipe', given: { kind: 'recipe', hash } };
}

/** A policy that decides while it runs. */
export function gated(
  policy: Exclude<(typeof GATED_POLICIES)[number], 'magcache'>,
  threshold: number,
): Configuration {
  return { name: `${policy} ${threshold}`, family: policy, cache: { policy, threshold } };
}

/** Ranks as shares of the hidden size, which mean the same for models of any width. */
export function ranksOf({ width }: Network, shares: readonly number[]): number[] {
  return [...new Set(shares.map((share) => Math.max(1, Math.round(share * width))))];
}

/** `DDIM-50`, as the field writes it. */
function stepsName({ sampler = 'ddim' }: SamplingChoice, steps: number): string {
  return `${sampler.toUpperCase()}-${steps}`;
}
