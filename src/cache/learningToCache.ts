/**
 * Learning-to-Cache (Ma et al., arXiv 2406.01733, section 3.3; routers of the authors' code): a learned table beta says
 * which sublayers are recomputed on every second step. A sublayer with sigmoid(beta) > theta is recomputed, another
 * one is reused as published, or calibrated where the run has factors.
 */
import { ArgumentError, requireNumber, requireObject } from '../errors.js';
import type { CacheDecision, CachedRun, CachePolicy } from './cachePolicy.js';
import type { RouterTable } from './data/routerTable.js';
import { Schedule, scheduleLayers } from './schedule.js';

/** The authors' threshold for DiT. */
export const DEFAULT_THETA = 0.1;

export class LearningToCache implements CachePolicy {
  readonly name = 'learning-to-cache';

  /** Throws an `ArgumentError` unless `theta` is from 0 to 1. */
  constructor(
    readonly table: RouterTable,
    readonly theta: number = DEFAULT_THETA,
  ) {
    requireObject('table', table, 'the table of a router, as of loadRouterTable');
    requireNumber('theta', theta, 0, 1);
  }

  decide({ network, steps }: CachedRun): CacheDecision {
    const layers = scheduleLayers(network, 'sublayer');
    this.#requireFit(layers.length, steps);
    const schedule = Schedule.fromRule(layers, steps, (step, layer) => {
      // Rows are respaced timesteps, in which sampling descends; odd ones are computed in full.
      const row = steps - 1 - step;
      return row % 2 === 1 || this.#recomputes(row, layers.indexOf(layer));
    });
    return { schedule, scatter: () => 'calibrate' };
  }

  #recomputes(row: number, sublayer: number): boolean {
    const logit = this.table.logits[row * this.table.sublayers + sublayer]!;
    return 1 / (1 + Math.exp(-logit)) > this.theta;
  }

  #requireFit(sublayers: number, steps: number): void {
    const { table } = this;
    if (table.steps === steps && table.sublayers === sublayers) return;
    throw new ArgumentError(
      'table',
      `of ${table.steps} steps and ${table.sublayers} sublayers`,
      `${steps} steps and ${sublayers} sublayers, as this run has`,
    );
  }
}
