/** What the policies that choose by measured errors under a budget of MACs have in common. */
import { ArgumentError, requireNumber } from '../errors.js';
import type { Network } from '../models/network.js';
import type { CacheDecision, CachedRun, CachePolicy, CachePolicyName } from './cachePolicy.js';
import { type CacheKind, type MeasuredErrors, requireErrors, requireKind } from './measuredErrors.js';
import { mix } from './mixture.js';
import { Schedule, scheduleLayers } from './schedule.js';
import { seriesOf } from './series.js';
import { type PartMacs, sublayerMacs } from './sublayerMacs.js';

/** The sublayers of a network in groups that are cached together, and what caching a group costs in error. */
export interface Parts {
  /** For every sublayer, its part; parts are counted from 0. */
  readonly partOf: readonly number[];
  readonly error: (kind: CacheKind, step: number, past: readonly number[], part: number) => number;
}

export abstract class Budgeted implements CachePolicy {
  abstract readonly name: CachePolicyName;

  /** Throws an `ArgumentError` unless `budget` is from 0 to 1. */
  constructor(
    readonly errors: MeasuredErrors,
    /** MACs of the steps, as a share of those without a cache. */
    readonly budget: number,
  ) {
    requireNumber('budget', budget, 0, 1);
  }

  /** The parts of a network with this number of sublayers. */
  protected abstract parts(sublayers: number): Parts;

  decide(run: CachedRun): CacheDecision {
    return decideWithin(this.budget, this.errors, run, this.parts(run.network.sublayers.length));
  }
}

/**
 * The decision of least error whose steps take at most `budget` of the MACs of a run without a cache. Throws an
 * `ArgumentError` for errors of another run, and for a budget that nothing can meet, saying the least possible.
 */
function decideWithin(
  budget: number,
  errors: MeasuredErrors,
  run: CachedRun,
  { partOf, error }: Parts,
): CacheDecision {
  requireErrors(errors, run);
  const { network, geometry, steps } = run;
  const sublayers = sublayerMacs(network, geometry, run.rank);
  const calibrates = sublayers.some(({ calibrate }) => calibrate !== undefined);
  requireKind(errors, calibrates);
  const macs = addedUp(sublayers, partOf);
  const fixed = steps * network.fixedMacs(geometry);
  const whole = fixed + steps * macs.reduce((sum, { compute }) => sum + compute, 0);
  const choices = mix({
    steps,
    gaps: errors.gaps,
    order: errors.order,
    kinds: errors.kinds,
    macs,
    // Rounding must not take the last step from a budget of 1.
    budget: budget * whole * (1 + 1e-12) - fixed,
    error,
    refuse: (cheapest) => refuse(budget, (cheapest + fixed) / whole, errors.gaps),
  });
  const layers = scheduleLayers(network, 'sublayer');
  const sublayerOf = new Map(network.layers.map(({ name, sublayer }) => [name, layers.indexOf(sublayer)]));
  const choiceOf = (sublayer: number, step: number) => choices[partOf[sublayer]!]![step]!;
  return {
    schedule: Schedule.fromRule(
      layers,
      steps,
      (step, layer) => choiceOf(layers.indexOf(layer), step) === 'compute',
    ),
    scatter: (layer, step) =>
      choiceOf(sublayerOf.get(layer)!, step) === 'calibrate' ? 'calibrate' : 'reuse',
    // In the published form, which is what was measured.
    ...(errors.order > 0 && {
      combination: seriesOf(calibrates ? 'calibrate' : 'reuse', errors.order, 'taylor'),
    }),
  };
}

/** Errors of nothing: under a budget that cannot be met with them it cannot be met at all. */
export function noErrors(
  { sublayers }: Network,
  measured: Pick<MeasuredErrors, 'steps' | 'gaps' | 'order' | 'kinds'>,
): MeasuredErrors {
  return { ...measured, sublayers: sublayers.length, stepError: () => 0, sublayerError: () => 0 };
}

/** A part may be calibrated when one of its sublayers may; the others are reused then. */
function addedUp(sublayers: readonly PartMacs[], partOf: readonly number[]): PartMacs[] {
  return Array.from({ length: Math.max(...partOf) + 1 }, (_, part) => {
    const own = sublayers.filter((_, sublayer) => partOf[sublayer] === part);
    const increments = own.flatMap(({ calibrate }) => calibrate ?? []);
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    return {
      compute: sum(own.map(({ compute }) => compute)),
      calibrate: increments.length > 0 ? sum(increments) : undefined,
    };
  });
}

function refuse(budget: number, least: number, gaps: number): never {
  const rounded = Math.ceil(least * 1e4) / 1e4;
  throw new ArgumentError(
    'budget',
    budget,
    `at least ${rounded} of the MACs of a run without a cache, the cheapest possible with errors measured up to ${gaps} ${gaps === 1 ? 'step' : 'steps'} apart`,
  );
}
