import { type Command, Option } from 'commander';
import { probeBackends } from '../../backend/choose.js';
import { policyActions } from '../../cache/cachePolicy.js';
import { SCHEDULED_POLICIES, Scheduled } from '../../cache/scheduled.js';
import { DenoiserCheckpoint } from '../../engine/checkpoint.js';
import { isAutoencoder } from '../../engine/modelKind.js';
import type { OpenModelOptions } from '../../engine/openModelOptions.js';
import { planSession } from '../../engine/sessionPlan.js';
import { VaeCheckpoint } from '../../engine/vaeCheckpoint.js';
import { ArgumentError, requireInteger, requireOneOf } from '../../errors.js';
import { namedNetwork } from '../../models/families.js';
import { planText } from '../../plan/text.js';
import { ROW_SCALED_TYPES } from '../../plan/types.js';
import { checkpointFacts } from '../checkpointReport.js';
import { describeModel, modelText, type PlannedModel, plansOf } from '../modelReport.js';
import { ownFileReport, ownFileText } from '../ownFileReport.js';
import { integer, MOST_ITEMS, MOST_STEPS } from '../parse.js';
import {
  addFactorFlags,
  addOutputFlags,
  HEADS,
  MODEL,
  type OutputFlags,
  tellNotes,
  VARIANT,
  WEIGHTS_KEY,
} from '../shared.js';
import { table } from '../table.js';
import { vaeReport, vaeText } from '../vaeReport.js';

interface InfoFlags extends OutputFlags {
  readonly model?: string;
  readonly size?: string;
  readonly heads?: number;
  readonly weightsKey?: string;
  readonly variant?: string;
  readonly scalingFactor?: number;
  readonly shiftFactor?: number;
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

export function register(program: Command): void {
  const command = program
    .command('info')
    .description(
      'Print the backends that are present, or what a model is, costs and takes; also of an autoencoder, or a file made by calibrate, fit, measure, tune or export.',
    )
    .argument('[model]', `${MODEL}; also an autoencoder, or a file of incache`)
    .option('-m, --model <path>', 'the same as an option')
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
  addOutputFlags(addFactorFlags(command)).action(runInfo);
}

async function runInfo(argument: string | undefined, options: InfoFlags): Promise<void> {
  const flags = argument === undefined ? options : { ...options, model: argument };
  const { model: path, size, json } = flags;
  if (argument !== undefined && (options.model ?? size) !== undefined)
    throw new ArgumentError('model', argument, 'one model: as an argument, with --model, or with --size');
  if (path === undefined && size === undefined) {
    if (flags.plan) throw new ArgumentError('model', undefined, 'a model or --size, whose plans to print');
    return printBackends(flags);
  }
  const other = path === undefined ? undefined : otherReport(path, flags);
  if (other) {
    process.stdout.write(json ? `${JSON.stringify(other.report)}\n` : other.text);
    return;
  }
  const model = plannedModel(flags);
  const plans = plansOf(model.session);
  if (json) process.stdout.write(`${JSON.stringify(flags.plan ? plans : describeModel(model))}\n`);
  else if (flags.plan) process.stdout.write(plans.map(planText).join('\n'));
  else process.stdout.write(modelText(model, flags.costs === true));
}

/** For what is no DiT: a file of incache's own, or an autoencoder. */
function otherReport(path: string, flags: InfoFlags): { report: unknown; text: string } | undefined {
  const own = ownFileReport(path);
  if (own) return { report: { kind: own.kind, ...own.facts }, text: ownFileText(own) };
  const options = openOptions(flags);
  const { scalingFactor, shiftFactor } = flags;
  if (!isAutoencoder(path, options)) return undefined;
  using checkpoint = new VaeCheckpoint(path, { ...options, scalingFactor, shiftFactor });
  tellNotes(checkpoint);
  const report = vaeReport(checkpoint);
  return { report, text: vaeText(report) };
}

async function printBackends({ json }: InfoFlags): Promise<void> {
  const list = await probeBackends();
  if (json) process.stdout.write(`${JSON.stringify(list)}\n`);
  else
    process.stdout.write(
      table(
        ['backend', 'present', ''],
        list.map(({ name, available, detail }) => [name, available ? 'yes' : 'no', detail]),
      ),
    );
}

function openOptions({ heads, weightsKey, variant }: InfoFlags): OpenModelOptions {
  return {
    ...(heads !== undefined && { heads }),
    ...(weightsKey !== undefined && { weightsKey }),
    ...(variant !== undefined && { variant }),
  };
}

/** What is said of the model itself, and its configuration. */
function describedModel(flags: InfoFlags): Pick<PlannedModel, 'network' | 'checkpoint'> {
  if (flags.size !== undefined) return { network: namedNetwork(flags.size), checkpoint: undefined };
  using checkpoint = new DenoiserCheckpoint(flags.model!, openOptions(flags));
  tellNotes(checkpoint);
  return { network: checkpoint.network, checkpoint: checkpointFacts(checkpoint) };
}

function plannedModel(flags: InfoFlags): PlannedModel {
  const { network, checkpoint } = describedModel(flags);
  const { policy, period, cacheForm: form, cacheType: type, sequences, steps } = flags;
  requireOneOf('policy', policy, SCHEDULED_POLICIES);
  requireOneOf('cache-form', form, ['input', 'rank']);
  if (type !== undefined) requireOneOf('cache-type', type, ROW_SCALED_TYPES);
  const largest = Math.min(...network.layers.flatMap(({ inputs, outputs }) => [inputs, outputs]));
  const rank = flags.rank ?? Math.min(DEFAULT_RANK, largest);
  requireInteger('rank', rank, 1, largest);
  const run = { network, geometry: network.latents, steps, rank: () => rank };
  const session = (name: (typeof SCHEDULED_POLICIES)[number]) =>
    planSession(network, {
      sequences,
      conditions: Math.min(sequences, 2),
      steps: policyActions(new Scheduled(name, { period }), run),
      form,
      ...(type !== undefined && { cacheType: type }),
      rank: () => rank,
    });
  return {
    checkpoint,
    network,
    session: session(policy),
    whole: session('none'),
    policy: policyText(policy, period, rank),
  };
}

function policyText(policy: (typeof SCHEDULED_POLICIES)[number], period: number, rank: number): string {
  if (policy === 'none') return 'no cache';
  return `${policy}, period ${period}${policy === 'calibrated' ? `, rank ${rank}` : ''}`;
}
