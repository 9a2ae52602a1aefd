/**
 * First-block cache (ParaAttention) and DBCache (cache-dit, vipshop): the first blocks always run, and where what they add
 * has changed by less than a threshold, in relative L1 since the last computed step, so has what the blocks behind them
 * add: it is added again. The last blocks always run, and no more than so many steps in a row are cached.
 */
import { requireInteger } from '../errors.js';
import type { StepCut } from '../models/stepPlans.js';
import {
  type Gate,
  type GatedPolicy,
  type GateParameters,
  requireGate,
  requireSection,
} from './gatedPolicy.js';

export interface FirstBlockParameters extends GateParameters {
  /** Blocks before the gate. Default 1. */
  readonly firstBlocks?: number | undefined;
  /** Blocks at the end that always run. Default 0. */
  readonly lastBlocks?: number | undefined;
  /** Cached steps in a row at most. Default 3. */
  readonly maxCached?: number | undefined;
}

export class FirstBlock implements GatedPolicy {
  readonly name = 'first-block';
  readonly parameters: { readonly [K in keyof FirstBlockParameters]-?: number };

  constructor(parameters: FirstBlockParameters) {
    const { threshold } = parameters;
    const { warmup = 8, firstBlocks = 1, lastBlocks = 0, maxCached = 3 } = parameters;
    requireGate(threshold, warmup);
    requireInteger('firstBlocks', firstBlocks, 1);
    requireInteger('lastBlocks', lastBlocks, 0);
    requireInteger('maxCached', maxCached, 1);
    this.parameters = { threshold, warmup, firstBlocks, lastBlocks, maxCached };
  }

  cut(depth: number): StepCut {
    const { firstBlocks, lastBlocks } = this.parameters;
    requireSection(depth, firstBlocks, lastBlocks);
    return { signal: 'residual', sections: [{ first: firstBlocks, end: depth - lastBlocks }] };
  }

  start(): Gate {
    const { threshold, warmup, maxCached } = this.parameters;
    let inRow = 0;
    return {
      caches: (step, _section, change) => {
        const cached = step >= warmup && inRow < maxCached && change < threshold;
        inRow = cached ? inRow + 1 : 0;
        return cached;
      },
    };
  }
}
