import { type Command, Option } from 'commander';
import { backends } from '../../backend/choose.js';
import { policyActions } from '../../cache/cachePolicy.js';
import { SCHEDULED_POLICIES, Scheduled } from '../../cache/scheduled.js';
import { DiTCheckpoint } from '../../engine/checkpoint.js';
import { planSession } from '../../engine/sessionPlan.js';
import { ArgumentError, requireInteger, requireOneOf } from '../../errors.js';
import { type DiTConfig, namedConfig } from '../../models/config.js';
import { planText } from '../../plan/text.js';
import { ROW_SCALED_TYPES } from '../../plan/types.js';
import { describeModel, modelText, type PlannedModel, plansOf } from '../modelReport.js';
import { ownFileReport, ownFileText } from '../ownFileReport.js';
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
import { table } from '../table.js';

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
  readonly costs?: boolean;
}

const DEFAULT_RANK = 32;

export function registerInfo(program: Command): void {
  const command = program
    .command('info')
    .description(
      'Print the backends that are present, or with --model or --size what a model is, costs and takes; also of a file made by calibrate, measure or export.',
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
    .option('--costs', 'also print the costs of a full step by operation and by layer')
    .option('--plan', 'print the operations of every plan instead');
  addOutputFlags(command).action(runInfo);
}

function runInfo(flags: InfoFlags): void {
  if (flags.model === undefined && flags.size === undefined) {
    if (flags.plan) throw new ArgumentError('model', undefined, '--model or --size, of which to print plans');
    return printBackends(flags);
  }
  const own = flags.model === undefined ? undefined : ownFileReport(flags.model);
  if (own) {
    process.stdout.write(
      flags.json ? `${JSON.stringify({ kind: own.kind, ...own.facts })}\n` : ownFileText(own),
    );
    return;
  }
  const model = plannedModel(flags, configOf(flags));
  const plans = plansOf(model.session);
  if (flags.json) process.stdout.write(`${JSON.stringify(flags.plan ? plans : describeModel(model))}\n`);
  else if (flags.plan) process.stdout.write(plans.map(planText).join('\n'));
  else process.stdout.write(modelText(model, flags.costs === true));
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

function plannedModel(flags: InfoFlags, config: DiTConfig): PlannedModel {
  const { policy, period, cacheForm: form, cacheType: type, sequences, steps } = flags;
  requireOneOf('policy', policy, SCHEDULED_POLICIES);
  requireOneOf('cache-form', form, ['input', 'rank']);
  if (type !== undefined) requireOneOf('cache-type', type, ROW_SCALED_TYPES);
  const largest = Math.min(config.hiddenSize, config.mlpSize);
  const rank = flags.rank ?? Math.min(DEFAULT_RANK, largest);
  requireInteger('rank', rank, 1, largest);
  const session = (name: (typeof SCHEDULED_POLICIES)[number]) =>
    planSession(config, {
      sequences,
      labels: Math.min(sequences, 2),
      steps: policyActions(new Scheduled(name, { period }), { config, steps, rank: () => rank }),
      form,
      ...(type !== undefined && { cacheType: type }),
      rank: () => rank,
    });
  return {
    config,
    session: session(policy),
    whole: session('none'),
    policy: policyText(policy, period, rank),
  };
}

function policyText(policy: (typeof SCHEDULED_POLICIES)[number], period: number, rank: number): string {
  if (policy === 'none') return 'no cache';
  return `${policy}, period ${period}${policy === 'calibrated' ? `, rank ${rank}` : ''}`;
}
