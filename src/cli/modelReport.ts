/** What `incache info` says of a model: what it is, what a run takes, and what the cache leaves of that. */
import type { SessionPlan } from '../engine/sessionPlan.js';
import { formatBytes } from '../errors.js';
import type { Network } from '../models/network.js';
import { costByLayer, costByOp, planCost } from '../plan/cost.js';
import type { Plan } from '../plan/types.js';
import { printable } from '../printable.js';
import type { CheckpointFacts } from './checkpointReport.js';
import { counted, gmac, table } from './table.js';

export interface PlannedModel {
  /** Facts of a file or folder; undefined for a named size. */
  readonly checkpoint: CheckpointFacts | undefined;
  readonly network: Network;
  readonly session: SessionPlan;
  /** The same run without a cache. */
  readonly whole: SessionPlan;
  /** As in `calibrated, period 2, rank 32`. */
  readonly policy: string;
}

/** For programs. */
export function describeModel({ checkpoint, network, session, whole }: PlannedModel) {
  return {
    ...checkpoint,
    config: network.config,
    weightBytes: weightBytes(network),
    memory: session.memory,
    macs: macsOf(session),
    macRatio: macsOf(session) / macsOf(whole),
    plans: plansOf(session).map((plan) => ({ name: plan.name, ops: plan.ops.length, ...planCost(plan) })),
  };
}

/** `detailed` adds the costs of a full step by operation and by layer, dozens of lines. */
export function modelText(model: PlannedModel, detailed: boolean): string {
  const [full] = model.session.plans;
  return [
    factsTable(model),
    planTable(model.session),
    ...(detailed
      ? [
          costTable(`${full!.name}, by operation`, costByOp(full!)),
          costTable(`${full!.name}, by layer`, costByLayer(full!)),
        ]
      : []),
  ].join('\n');
}

export function plansOf({ conditioning, plans }: SessionPlan): Plan[] {
  return [conditioning, ...plans];
}

function checkpointRows({ family, layout, types, draws, found, missing }: CheckpointFacts): string[][] {
  const list = (parts: readonly string[]) => printable(parts.join(', '));
  return [
    ['checkpoint', `${family}, names of ${layout}; ${types}`],
    ['draws', printable(draws)],
    ...(found.length > 0 ? [['parts found', list(found)]] : []),
    ...(missing.length > 0 ? [['parts missing', list(missing)]] : []),
  ];
}

function factsTable({ checkpoint, network, session, whole, policy }: PlannedModel): string {
  const { memory, sequences } = session;
  return table(
    ['model', ''],
    [
      ...(checkpoint ? checkpointRows(checkpoint) : []),
      ...network.facts.map(([name, text]) => [name, text]),
      ['weights, float32', formatBytes(weightBytes(network))],
      ['run', `${counted(stepsOf(session), 'step')}, ${counted(sequences, 'sequence')}, ${policy}`],
      ['MACs of the run', `${gmac(macsOf(session))}, without a cache ${gmac(macsOf(whole))}`],
      ['MACs over uncached', (macsOf(session) / macsOf(whole)).toFixed(3)],
      ['cache', formatBytes(memory.cache)],
      ['other memory', formatBytes(memory.modulation + memory.arena)],
    ],
  );
}

function stepsOf({ courses }: SessionPlan): number {
  return courses.length;
}

function planTable(session: SessionPlan): string {
  const fullMacs = planCost(session.plans[0]!).macs;
  const rows = plansOf(session).map((plan) => {
    const { macs, bytes } = planCost(plan);
    return [plan.name, String(plan.ops.length), gmac(macs), (macs / fullMacs).toFixed(3), formatBytes(bytes)];
  });
  return table(['plan', 'ops', 'MACs', 'over a full step', 'moved'], rows);
}

function costTable(title: string, costs: ReturnType<typeof costByOp>): string {
  return table(
    [title, 'MACs', 'moved'],
    [...costs].map(([name, { macs, bytes }]) => [name, gmac(macs), formatBytes(bytes)]),
  );
}

function macsOf({ stepMacs, conditioningMacs }: SessionPlan): number {
  return stepMacs + conditioningMacs;
}

function weightBytes({ tensors }: Network): number {
  let values = 0;
  for (const shape of tensors.values()) values += shape.reduce((a, b) => a * b, 1);
  return 4 * values;
}
