/** The plans of one sampling session and what they will take, known before any memory is taken. */
import { atOnce, type Pieces } from '../backend/eventLoop.js';
import type { Gates } from '../cache/cachedSteps.js';
import type { GatedPolicy, GatedRun } from '../cache/gatedPolicy.js';
import { fusedPairs, splitGroups } from '../cache/policy.js';
import { formatBytes } from '../errors.js';
import { type Actions, actionKey, actionName, type CacheForm } from '../models/layers/actions.js';
import type { LayerTap } from '../models/layers/context.js';
import type { Geometry, Network, StepOptions } from '../models/network.js';
import { type StepPlans, stepPlans } from '../models/stepPlans.js';
import { PlanBuilder } from '../plan/builder.js';
import { planCost } from '../plan/cost.js';
import { layoutTemporaries } from '../plan/layout.js';
import { bufferBytes, elementBytes, type FloatType, type Plan, type RowScaledType } from '../plan/types.js';

export interface SessionOptions {
  /** Sequences in the batch: with guidance, conditional and unconditional rows together. */
  readonly sequences: number;
  /** Distinct conditions of a step, as of its labels, the null class included: rows of the table of conditioning. */
  readonly conditions: number;
  /** Size of the latents. Default: that which the network was trained for. */
  readonly geometry?: Geometry;
  /** What every step does with every layer. */
  readonly steps: readonly Actions[];
  /** For steps that are decided while they run. */
  readonly gates?: Gates | undefined;
  readonly form?: CacheForm;
  /** How caches keep inputs and outputs. Default: as `activations`. */
  readonly cacheType?: RowScaledType;
  /** Rank of a layer's factors. */
  readonly rank?: (layer: string) => number;
  readonly factorPrefix?: string;
  /** Type of activations between the operations of a block, and of its caches. Default `f32`. */
  readonly activations?: FloatType;
  /** Sees every layer that is computed and not stored; may append operations. */
  readonly tap?: LayerTap;
  /** See `StepOptions`. */
  readonly onSublayer?: StepOptions['onSublayer'] | undefined;
}

export interface SessionPlan {
  readonly geometry: Geometry;
  /** What depends on the sequences of a batch alone, if the network has such a thing. */
  readonly context?: Plan;
  readonly conditioning: Plan;
  /** The distinct plans of steps. */
  readonly plans: readonly Plan[];
  /** For every step the plans that it runs, one after another. */
  readonly courses: readonly StepCourse[];
  /** For a policy that decides while it runs. */
  readonly gate?: { readonly policy: GatedPolicy; readonly run: GatedRun };
  /** Steps whose modulation the table holds at once. */
  readonly chunkSteps: number;
  readonly sequences: number;
  /** Distinct conditions of a step. */
  readonly conditions: number;
  readonly memory: SessionMemory;
  /** MACs of all steps, conditioning apart; of gated ones the most, without a cached section. */
  readonly stepMacs: number;
  /** MACs of the conditioning of all steps, and of the context of a batch. */
  readonly conditioningMacs: number;
  /** Keeps weights that the plans need beside the model's until it is disposed: a session calls it and lets go in the end. */
  readonly hold?: () => Disposable;
}

/** At least one node. */
export type StepCourse = readonly StepNode[];

/** A plan of a step, by its place in `SessionPlan.plans`. */
export interface StepNode {
  readonly plan: number;
  /** Run instead where the gate before this node says so. */
  readonly cached?: {
    readonly plan: number /** How many it takes from the cache. */;
    readonly blocks: number;
  };
}

/** Bytes that the buffers of the plans take. */
export interface SessionMemory {
  readonly cache: number;
  readonly modulation: number;
  /** The arena of temporaries: that of the largest plan serves all, since they run one after another. */
  readonly arena: number;
  /** What the temporaries would take without sharing, between lives and between plans. */
  readonly temporaries: number;
}

/** The table of modulation vectors is kept under this; longer trajectories fill it several times. */
const MODULATION_BUDGET = 64 * 2 ** 20;

/** Plans for `options.steps.length` steps. Throws a `PlanError` if the network and the actions do not fit. */
export function planSession(network: Network, options: SessionOptions): SessionPlan {
  return atOnce(planningSession(network, options));
}

/** As `planSession`; can stop behind each plan, which takes some milliseconds. */
export function* planningSession(network: Network, options: SessionOptions): Pieces<SessionPlan> {
  const { sequences, conditions, steps, gates, geometry = network.latents } = options;
  const chunkSteps = chunkStepsFor(network, conditions, steps.length);
  const tableRows = chunkSteps * conditions;
  const { activations = 'f32' } = options;
  const context =
    network.emitContext &&
    planOf('context', (builder) => network.emitContext!(builder, { sequences, activations }));
  const conditioning = planOf('conditioning', (builder) => network.emitTable(builder, tableRows));
  yield;
  const { plans, courses } = yield* planSteps(network, { ...options, geometry, tableRows });
  const memory = yield* memoryInPieces([...(context ? [context] : []), conditioning, ...plans]);
  const macs = (course: StepCourse) => macsOf(course.map(({ plan }) => plans[plan]!));
  return {
    geometry: { height: geometry.height, width: geometry.width },
    ...(context && { context }),
    conditioning,
    plans,
    courses,
    ...(gates && {
      gate: {
        policy: gates.policy,
        run: {
          steps: steps.length,
          blocks: network.blocks.length,
          sequences,
          elements: sequences * network.streams[0]!.tokens(geometry) * network.width,
        },
      },
    }),
    chunkSteps,
    sequences,
    conditions,
    memory,
    stepMacs: courses.reduce((sum, course) => sum + macs(course), 0),
    conditioningMacs:
      macsOf([conditioning]) * Math.ceil(steps.length / chunkSteps) + (context ? macsOf([context]) : 0),
  };
}

/** Steps with the same actions share their plans. */
function* planSteps(
  network: Network,
  options: SessionOptions & { readonly geometry: Geometry; readonly tableRows: number },
): Pieces<Pick<SessionPlan, 'plans' | 'courses'>> {
  const { steps, gates, tap, onSublayer } = options;
  const { distinct, placeOf } = distinctActions(steps);
  const { sectionActions } = gates ?? {};
  const all = sectionActions ? Object.values(sectionActions) : steps;
  const step = {
    geometry: options.geometry,
    sequences: options.sequences,
    tableRows: options.tableRows,
    cache: {
      form: options.form ?? 'input',
      type: options.cacheType,
      split: splitGroups(network, all),
      // A tap may ask for the kept input of a pair's second layer, which a fused pair has not.
      fused: tap ? new Set<string>() : fusedPairs(network, all),
      rank: options.rank ?? (() => 0),
      factorPrefix: options.factorPrefix ?? 'factors.',
    },
    activations: options.activations ?? 'f32',
    tap,
    onSublayer,
  } as const;
  const plans: Plan[] = [];
  const courses: StepCourse[] = [];
  for (const [i, actions] of distinct.entries()) {
    const name = gates ? 'step' : `step.${i}.${summarise(actions)}`;
    const planned = yield* stepPlans(network, { ...step, ...gates?.cut, name, actions, sectionActions });
    courses.push(addPlans(plans, planned, gates));
  }
  return { plans, courses: placeOf.map((place) => courses[place]!) };
}

function addPlans(plans: Plan[], { head, sections }: StepPlans, gates: Gates | undefined): StepCourse {
  const add = (plan: Plan) => plans.push(plan) - 1;
  return [
    { plan: add(head) },
    ...sections.map(({ computed, cached }, i): StepNode => {
      const { first, end } = gates!.cut.sections[i]!;
      return { plan: add(computed), cached: { plan: add(cached), blocks: end - first } };
    }),
  ];
}

function planOf(name: string, emit: (builder: PlanBuilder) => void): Plan {
  const builder = new PlanBuilder(name);
  emit(builder);
  return builder.build();
}

function macsOf(plans: readonly Plan[]): number {
  return plans.reduce((macs, plan) => macs + planCost(plan).macs, 0);
}

/** One line for people: what the session takes beside the weights. */
export function describeMemory({ cache, modulation, arena, temporaries }: SessionMemory): string {
  return `cache ${formatBytes(cache)}, modulation ${formatBytes(modulation)}, arena ${formatBytes(arena)} (${formatBytes(temporaries)} unshared)`;
}

/** Steps whose modulation the table holds. */
function chunkStepsFor({ tableWidth }: Network, conditions: number, steps: number): number {
  const stepBytes = conditions * tableWidth * elementBytes('f32');
  return Math.max(1, Math.min(steps, Math.floor(MODULATION_BUDGET / stepBytes)));
}

function distinctActions(steps: readonly Actions[]): { distinct: Actions[]; placeOf: number[] } {
  const places = new Map<string, number>();
  const distinct: Actions[] = [];
  const placeOf = steps.map((actions) => {
    const key = [...actions.values()].map(actionKey).join();
    const known = places.get(key);
    if (known !== undefined) return known;
    places.set(key, distinct.length);
    return distinct.push(actions) - 1;
  });
  return { distinct, placeOf };
}

/** The name of a step's plan: its one action, or `mixed`. */
function summarise(actions: Actions): string {
  const kinds = new Set([...actions.values()].map(actionName));
  return kinds.size === 1 ? [...kinds][0]! : 'mixed';
}

export function memoryOf(plans: readonly Plan[]): SessionMemory {
  return atOnce(memoryInPieces(plans));
}

function* memoryInPieces(plans: readonly Plan[]): Pieces<SessionMemory> {
  const states = new Map<string, number>();
  for (const plan of plans)
    for (const buffer of plan.buffers)
      if (buffer.role === 'state') states.set(buffer.name, bufferBytes(buffer));
  const modulation = states.get('modulation') ?? 0;
  const layouts: ReturnType<typeof layoutTemporaries>[] = [];
  for (const plan of plans) {
    layouts.push(layoutTemporaries(plan));
    yield;
  }
  return {
    cache: [...states.values()].reduce((a, b) => a + b, 0) - modulation,
    modulation,
    arena: Math.max(...layouts.map(({ arenaBytes }) => arenaBytes)),
    temporaries: layouts.reduce((bytes, layout) => bytes + layout.sumBytes, 0),
  };
}
