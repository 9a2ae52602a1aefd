import { type Command, Option } from 'commander';
import { backends } from '../../backend/choose.js';
import { policyActions } from '../../cache/cachePolicy.js';
import { SCHEDULED_POLICIES, Scheduled } from '../../cache/scheduled.js';
import { DiTCheckpoint } from '../../engine/checkpoint.js';
import { planSession, type SessionPlan } from '../../engine/sessionPlan.js';
import { ArgumentError, formatBytes, requireInteger, requireOneOf } from '../../errors.js';
import type { CacheForm } from '../../models/actions.js';
import { type DiTConfig, namedConfig, tensorShapes } from '../../models/config.js';
import { costByLayer, costByOp, planCost } from '../../plan/cost.js';
import { layoutTemporaries } from '../../plan/layout.js';
import { planText } from '../../plan/text.js';
import { type Plan, ROW_SCALED_TYPES } from '../../plan/types.js';
import { integer, MOST_ITEMS, MOST_STEPS } from '../parse.js';
import {
  addOutputFlags,
  HEADS,
  MODEL,
  type OutputFlags,
  tellNotes,
  VARIANT,
  WEIGHTS_KEY,
} from '../shared.js';
import { gmac, table } from '../table.js';

interface InfoFlags extends OutputFlags {
  readonly model?: string;
  readonly size?: string;
  readonly heads?: number;
  readonly weightsKey?: string;
  readonly variant?: string;
  readonly sequences: number;
  readonly steps: number;
  readonly policy: string;
  readonly period: number;
  readonly rank?: number;
  readonly cacheForm: string;
  readonly cacheType?: string;
  readonly plan?: boolean;
}

const DEFAULT_RANK = 32;

export function registerInfo(program: Command): void {
  const command = program
    .command('info')
    .description(
      'Print the backends that are present, or with --model or --size what a model is, costs and takes.',
    )
    .option('-m, --model <path>', MODEL)
    .option('--weights-key <key>', WEIGHTS_KEY)
    .option('--variant <name>', VARIANT)
    .addOption(new Option('--size <name>', 'a size of the DiT paper, as in DiT-XL/2').conflicts('model'))
    .option('--heads <n>', HEADS, integer('heads', 1))
    .option(
      '--sequences <n>',
      'sequences in the batch: with guidance two for each image',
      integer('sequences', 1, MOST_ITEMS),
      2,
    )
    .option('--steps <n>', 'denoising steps', integer('steps', 1, MOST_STEPS), 50)
    .option('--policy <name>', `cache policy: ${SCHEDULED_POLICIES.join(', ')}`, 'calibrated')
    .option('--period <p>', 'compute every p-th step in full', integer('period', 1), 2)
    .option(
      '-r, --rank <r>',
      'rank of every layer (default: 32, or all of a narrower model)',
      integer('rank', 1),
    )
    .option('--cache-form <form>', 'what policy calibrated keeps: input or rank', 'input')
    .option(
      '--cache-type <type>',
      'e4m3: inputs and outputs of linears in 8 bits (default: as activations are)',
    )
    .option('--plan', 'print the operations of every plan instead');
  addOutputFlags(command).action(runInfo);
}

function runInfo(flags: InfoFlags): void {
  if (flags.model === undefined && flags.size === undefined) {
    if (flags.plan) throw new ArgumentError('model', undefined, '--model or --size, of which to print plans');
    return printBackends(flags);
  }
  const config = configOf(flags);
  const session = sessionOf(flags, config);
  const plans = [session.conditioning, ...session.plans];
  if (flags.json)
    process.stdout.write(`${JSON.stringify(flags.plan ? plans : describe(config, session, plans))}\n`);
  else if (flags.plan) process.stdout.write(plans.map(planText).join('\n'));
  else process.stdout.write(report(config, session, plans));
}

function printBackends({ json }: InfoFlags): void {
  const list = backends();
  if (json) process.stdout.write(`${JSON.stringify(list)}\n`);
  else
    process.stdout.write(
      table(
        ['backend', 'present', ''],
        list.map(({ name, available, detail }) => [name, available ? 'yes' : 'no', detail]),
      ),
    );
}

function configOf({ model, size, heads, weightsKey, variant }: InfoFlags): DiTConfig {
  if (size !== undefined) return namedConfig(size);
  using checkpoint = new DiTCheckpoint(model!, {
    ...(heads !== undefined && { heads }),
    ...(weightsKey !== undefined && { weightsKey }),
    ...(variant !== undefined && { variant }),
  });
  tellNotes(checkpoint);
  return checkpoint.config;
}

function sessionOf(flags: InfoFlags, config: DiTConfig): SessionPlan {
  requireOneOf('policy', flags.policy, SCHEDULED_POLICIES);
  requireOneOf('cache-form', flags.cacheForm, ['input', 'rank']);
  const type = flags.cacheType;
  if (type !== undefined) requireOneOf('cache-type', type, ROW_SCALED_TYPES);
  const { sequences, steps } = flags;
  const largest = Math.min(config.hiddenSize, config.mlpSize);
  const rank = flags.rank ?? Math.min(DEFAULT_RANK, largest);
  requireInteger('rank', rank, 1, largest);
  const policy = new Scheduled(flags.policy, { period: flags.period });
  const form: CacheForm = flags.cacheForm;
  return planSession(config, {
    sequences,
    labels: Math.min(sequences, 2),
    steps: policyActions(policy, { config, steps, rank: () => rank }),
    form,
    ...(type !== undefined && { cacheType: type }),
    rank: () => rank,
  });
}

function describe(config: DiTConfig, session: SessionPlan, plans: readonly Plan[]) {
  return {
    config,
    weightBytes: weightBytes(config),
    memory: session.memory,
    macs: session.stepMacs + session.conditioningMacs,
    plans: plans.map((plan) => ({ name: plan.name, ops: plan.ops.length, ...planCost(plan) })),
  };
}

function report(config: DiTConfig, session: SessionPlan, plans: readonly Plan[]): string {
  const { memory } = session;
  const facts = [
    ...Object.entries(config).map(([key, value]) => [key, String(value)]),
    ['weights, float32', formatBytes(weightBytes(config))],
    ['cache', formatBytes(memory.cache)],
    ['modulation table', formatBytes(memory.modulation)],
    ['all steps', gmac(session.stepMacs)],
    ['all conditioning', gmac(session.conditioningMacs)],
  ];
  const costs = plans.map((plan) => {
    const { macs, bytes } = planCost(plan);
    const layout = layoutTemporaries(plan);
    return [
      plan.name,
      String(plan.ops.length),
      gmac(macs),
      formatBytes(bytes),
      formatBytes(layout.arenaBytes),
      formatBytes(layout.sumBytes),
    ];
  });
  const full = plans[1]!;
  return [
    table(['model', ''], facts),
    table(['plan', 'ops', 'MACs', 'moved', 'arena', 'sum of buffers'], costs),
    costTable(`${full.name}, by operation`, costByOp(full)),
    costTable(`${full.name}, by layer`, costByLayer(full)),
  ].join('\n');
}

function costTable(title: string, costs: ReturnType<typeof costByOp>): string {
  return table(
    [title, 'MACs', 'moved'],
    [...costs].map(([name, { macs, bytes }]) => [name, gmac(macs), formatBytes(bytes)]),
  );
}

function weightBytes(config: DiTConfig): number {
  let values = 0;
  for (const shape of tensorShapes(config).values()) values += shape.reduce((a, b) => a * b, 1);
  return 4 * values;
}
