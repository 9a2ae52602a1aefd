/** The plans of one sampling session and what they will take, known before any memory is taken. */
import type { GatedPolicy, GatedRun } from '../cache/gatedPolicy.js';
import { fusedMlp, type StepActions, splitQkv } from '../cache/policy.js';
import { formatBytes } from '../errors.js';
import {
  type CacheForm,
  conditioningPlan,
  type DiTConfig,
  type LinearTap,
  modulationWidth,
  stepPlan,
} from '../models/dit/index.js';
import { planCost } from '../plan/cost.js';
import { layoutTemporaries } from '../plan/layout.js';
import { bufferBytes, elementBytes, type FloatType, type Plan, type RowScaledType } from '../plan/types.js';

export interface SessionOptions {
  /** Sequences in the batch: with guidance, conditional and unconditional rows together. */
  readonly sequences: number;
  /** Distinct labels in the batch, the null class included. */
  readonly labels: number;
  /** What every step does with every linear. */
  readonly steps: readonly StepActions[];
  readonly form?: CacheForm;
  /** How caches keep inputs and outputs. Default: as `activations`. */
  readonly cacheType?: RowScaledType;
  /** Rank of a layer's factors. */
  readonly rank?: (layer: string) => number;
  readonly factorPrefix?: string;
  /** Type of activations between the operations of a block, and of its caches. Default `f32`. */
  readonly activations?: FloatType;
  /** Sees every linear that is computed and not stored; may append operations. */
  readonly tap?: LinearTap;
}

export interface SessionPlan {
  readonly conditioning: Plan;
  /** The distinct plans of steps. */
  readonly plans: readonly Plan[];
  /** For every step, its place in `plans`; empty where `gated` says which plans a step takes. */
  readonly planOfStep: readonly number[];
  /** Of a policy that decides while it runs. */
  readonly gated?: GatedSteps;
  /** Steps whose modulation the table holds at once. */
  readonly chunkSteps: number;
  readonly sequences: number;
  readonly labels: number;
  readonly memory: SessionMemory;
  /** MACs of all steps, conditioning apart; of gated ones the most, without a cached section. */
  readonly stepMacs: number;
  /** MACs of the conditioning of all steps. */
  readonly conditioningMacs: number;
  /** Keeps weights that the plans need beside the model's until it is disposed: a session calls it and lets go in the end. */
  readonly hold?: () => Disposable;
}

/** The course of steps that are decided while they run: places in `SessionPlan.plans`. */
export interface GatedSteps {
  readonly policy: GatedPolicy;
  readonly run: GatedRun;
  readonly head: number;
  readonly sections: readonly GatedSection[];
}

export interface GatedSection {
  readonly computed: number;
  readonly cached: number;
  /** How many it has. */
  readonly blocks: number;
}

/** Bytes that the buffers of the plans take. */
export interface SessionMemory {
  readonly cache: number;
  readonly modulation: number;
  /** The arenas of temporaries, one a plan. */
  readonly arena: number;
  /** What the temporaries would take without sharing between lives. */
  readonly temporaries: number;
}

/** The table of modulation vectors is kept under this; longer trajectories fill it several times. */
const MODULATION_BUDGET = 64 * 2 ** 20;

/** Plans for `options.steps.length` steps. Throws a `PlanError` if the model and the actions do not fit. */
export function planSession(config: DiTConfig, options: SessionOptions): SessionPlan {
  const { sequences, labels, steps, tap } = options;
  const chunkSteps = chunkStepsFor(config, labels, steps.length);
  const tableRows = chunkSteps * labels;
  const cache = {
    form: options.form ?? 'input',
    type: options.cacheType,
    splitQkv: splitQkv(steps, config.depth),
    // A tap may ask for the cached input of fc2, which a fused MLP does not keep.
    fusedMlp: tap ? [] : fusedMlp(steps, config.depth),
    rank: options.rank ?? (() => 0),
    factorPrefix: options.factorPrefix ?? 'factors.',
  };
  const { distinct, placeOf } = distinctActions(steps);
  const plans = distinct.map((actions, i) =>
    stepPlan(config, {
      name: `step.${i}.${summarise(actions)}`,
      images: sequences,
      tableRows,
      actions,
      cache,
      activations: options.activations ?? 'f32',
      ...(tap && { tap }),
    }),
  );
  const conditioning = conditioningPlan(config, tableRows);
  return {
    conditioning,
    plans,
    planOfStep: placeOf,
    chunkSteps,
    sequences,
    labels,
    memory: memoryOf(conditioning, plans),
    stepMacs: placeOf.reduce((macs, place) => macs + planCost(plans[place]!).macs, 0),
    conditioningMacs: planCost(conditioning).macs * Math.ceil(steps.length / chunkSteps),
  };
}

/** One line for people: what the session takes beside the weights. */
export function describeMemory({ cache, modulation, arena, temporaries }: SessionMemory): string {
  return `cache ${formatBytes(cache)}, modulation ${formatBytes(modulation)}, arena ${formatBytes(arena)} (${formatBytes(temporaries)} unshared)`;
}

/** Steps whose modulation the table holds. */
export function chunkStepsFor(config: DiTConfig, labels: number, steps: number): number {
  const stepBytes = labels * modulationWidth(config) * elementBytes('f32');
  return Math.max(1, Math.min(steps, Math.floor(MODULATION_BUDGET / stepBytes)));
}

function distinctActions(steps: readonly StepActions[]): { distinct: StepActions[]; placeOf: number[] } {
  const places = new Map<string, number>();
  const distinct: StepActions[] = [];
  const placeOf = steps.map((actions) => {
    const key = JSON.stringify(actions);
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, distinct.length);
    return distinct.push(actions) - 1;
  });
  return { distinct, placeOf };
}

/** The name of a step's plan: its one action, or `mixed`. */
function summarise(actions: StepActions): string {
  const kinds = new Set(
    actions.flatMap((block) =>
      Object.values(block).map((action) => (typeof action === 'object' ? action.kind : action)),
    ),
  );
  return kinds.size === 1 ? [...kinds][0]! : 'mixed';
}

export function memoryOf(conditioning: Plan, plans: readonly Plan[]): SessionMemory {
  const states = new Map<string, number>();
  for (const plan of plans)
    for (const buffer of plan.buffers)
      if (buffer.role === 'state') states.set(buffer.name, bufferBytes(buffer));
  const modulation = states.get('modulation') ?? 0;
  const layouts = [conditioning, ...plans].map(layoutTemporaries);
  return {
    cache: [...states.values()].reduce((a, b) => a + b, 0) - modulation,
    modulation,
    arena: layouts.reduce((bytes, layout) => bytes + layout.arenaBytes, 0),
    temporaries: layouts.reduce((bytes, layout) => bytes + layout.sumBytes, 0),
  };
}
