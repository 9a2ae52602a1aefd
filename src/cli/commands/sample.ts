import { writeSync } from 'node:fs';
import type { Command } from 'commander';
import { CACHE_POLICIES, DEFAULT_PERIODS, parametersOf } from '../../cache/cachePolicy.js';
import { ArgumentError, formatBytes, requireOneOf } from '../../errors.js';
import type { Label, LabelTable } from '../../models/labelTable.js';
import type { SampleOptions } from '../../pipeline/options.js';
import type { DiTPipeline } from '../../pipeline/pipeline.js';
import type { SampleReport, SampleResult } from '../../pipeline/result.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { writeNpz } from '../../weights/npz.js';
import { addCacheFlags, type CacheFlags, cacheOptions } from '../cacheFlags.js';
import { interruptSignal } from '../exit.js';
import { encodeGrid, isPictureSpace, writeSingles } from '../images.js';
import { requireFilePath, requireFolderPath } from '../outputPath.js';
import { integer, labelList, MOST_ITEMS } from '../parse.js';
import { startProgress } from '../progress.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { counted, gmac } from '../table.js';

interface SampleFlags extends ModelFlags, OutputFlags, SamplingFlags, CacheFlags {
  readonly labels?: Label[];
  readonly count?: number;
  readonly seed: number;
  readonly batch?: number;
  readonly out?: string;
  readonly single?: boolean;
  readonly columns: number;
  readonly report?: string;
}

export function registerSample(program: Command): void {
  const command = program
    .command('sample')
    .description('Draw images.')
    .option(
      '-l, --labels <list>',
      'classes by number or name, as in 0,5-9,macaw (default: every class once, at most 10)',
      labelList('labels'),
    )
    .option(
      '-n, --count <n>',
      'number of images, the labels in turn (default: one for each label)',
      integer('count', 1, MOST_ITEMS),
    )
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0);
  addSamplingFlags(command).option(
    '--batch <n>',
    'images denoised together (default: at most 16)',
    integer('batch', 1),
  );
  addModelFlags(addCacheFlags(command))
    .option(
      '-o, --out <path>',
      'a grid of pictures (.png, or - for standard output), arrays (.npz), or with --single a folder (default: samples.png, samples.npz of latents, samples with --single)',
    )
    .option('--single', 'one PNG for each image, in the folder --out')
    .option('--columns <n>', 'images in a row of the grid', integer('columns', 1), 10)
    .option('--report <file>', 'also write the result, as of --json, to a file');
  addOutputFlags(command).action(runSample);
}

async function runSample(flags: SampleFlags): Promise<void> {
  const sampling = samplingOptions(flags);
  if (flags.out !== undefined) checkOutput(flags, flags.out);
  const signal = interruptSignal();
  const cache = cacheOptions(flags);
  await using pipeline = await loadPipeline(flags);
  const out = flags.out ?? defaultOutput(flags, pipeline.config.inChannels);
  checkOutput(flags, out);
  requirePictures(flags, out, pipeline.config.inChannels);
  const options: SampleOptions = {
    labels: labelsOf(flags, pipeline.checkpoint.labels),
    ...sampling,
    seed: flags.seed,
    cache,
    signal,
    ...(flags.batch !== undefined && { batch: flags.batch }),
  };
  const batches = Math.ceil(options.labels.length / (flags.batch ?? Math.min(options.labels.length, 16)));
  const progress = startProgress('sampling', batches * flags.steps, flags.json === true);
  let result: SampleResult;
  try {
    result = await pipeline.generate(options, () => progress.advance());
  } finally {
    progress.stop();
  }
  writeImages(flags, out, result);
  const { backend, threads } = pipeline.device;
  const report = {
    model: flags.model,
    backend,
    threads,
    out,
    ...describeRun(flags, options),
    macRatio: macRatio(pipeline, options, result),
    ...result.report,
  };
  if (flags.report !== undefined) writeFileAtomic(flags.report, `${JSON.stringify(report, null, 2)}\n`);
  const said = flags.json ? `${JSON.stringify(report)}\n` : summary(report);
  if (out === '-') process.stderr.write(said);
  else process.stdout.write(said);
}

/** MACs over those of the same run without a cache. */
function macRatio(pipeline: DiTPipeline, options: SampleOptions, { report }: SampleResult): number {
  const whole = pipeline.plan({ ...options, cache: { policy: 'none' } });
  return report.macs / report.images / ((whole.stepMacs + whole.conditioningMacs) / report.batch);
}

function defaultOutput({ single }: SampleFlags, channels: number): string {
  if (!isPictureSpace(channels)) return 'samples.npz';
  return single ? 'samples' : 'samples.png';
}

/** Fails before the work, not after it. */
function checkOutput({ single, report }: SampleFlags, out: string): void {
  if (single) requireFolderPath('out', out);
  else if (/\.(png|npz)$/.test(out)) requireFilePath('out', out);
  else if (out !== '-')
    throw new ArgumentError(
      'out',
      out,
      'a name that ends in .png or .npz, - for standard output, or a folder with --single',
    );
  else if (process.stdout.isTTY)
    throw new ArgumentError('out', out, 'a pipe or a file behind it, not a terminal, for a picture');
  if (report !== undefined) requireFilePath('report', report);
}

function requirePictures({ single }: SampleFlags, out: string, channels: number): void {
  if (isPictureSpace(channels) || (!single && out.endsWith('.npz'))) return;
  throw new ArgumentError('out', out, `an .npz file: the model's ${channels} latent channels need a decoder`);
}

function labelsOf({ labels, count }: SampleFlags, table: LabelTable): number[] {
  const { classes } = table;
  const given =
    (labels && table.findAll(labels)) ?? Array.from({ length: Math.min(classes, 10) }, (_, label) => label);
  return Array.from({ length: count ?? given.length }, (_, i) => given[i % given.length]!);
}

function writeImages({ single, columns }: SampleFlags, out: string, result: SampleResult): void {
  if (out === '-') writeSync(process.stdout.fd, encodeGrid(result, columns));
  else if (single) writeSingles(result, out);
  else if (out.endsWith('.npz'))
    writeNpz(out, { samples: { shape: [...result.shape], data: result.latents } });
  else writeFileAtomic(out, encodeGrid(result, columns));
}

/** What was asked for, beside what the engine reports. */
function describeRun(flags: SampleFlags, options: SampleOptions): Record<string, unknown> {
  const { weights, policy, gatherSteps, schedule, cacheForm, cacheType, factors } = flags;
  requireOneOf('policy', policy, CACHE_POLICIES);
  const { labels, spacing, eta, variance, seed, guidanceScale, guidanceChannels } = options;
  const own = parametersOf(policy);
  const parameters = Object.fromEntries(
    Object.entries(flags).filter(([name]) => (own as readonly string[]).includes(name)),
  );
  // A list of steps or a schedule stands in place of a period.
  const isPeriodic = own.includes('gatherSteps') && !gatherSteps && schedule === undefined;
  return {
    weights,
    labels,
    spacing,
    eta,
    variance,
    seed,
    guidanceScale,
    guidanceChannels,
    policy,
    ...parameters,
    ...(isPeriodic && { period: flags.period ?? DEFAULT_PERIODS[policy] }),
    ...(factors !== undefined && { cacheForm }),
    ...(cacheType !== undefined && { cacheType }),
  };
}

/** Of a policy that decides while it runs: for each batch its steps, `.` where some blocks were cached, `#` where none. */
function decisions(batches: readonly (readonly number[])[] | undefined): string {
  return (batches ?? [])
    .map((steps) => `${steps.map((blocks) => (blocks > 0 ? '.' : '#')).join('')}\n`)
    .join('');
}

interface SaidReport extends SampleReport {
  readonly out: string;
  readonly backend: string;
  readonly threads: number;
  readonly policy?: unknown;
  readonly period?: unknown;
  readonly macRatio: number;
}

function summary(report: SaidReport): string {
  const { out, images, steps, macs, milliseconds, cachedBlocks, backend, threads, memory } = report;
  const seconds = milliseconds / 1000;
  const name = out === '-' ? 'standard output' : out;
  return [
    `${name}: ${counted(images, 'image')}, ${counted(steps, 'step')}, ${gmac(macs)}, ${seconds.toFixed(2)} s (${(seconds / images).toFixed(3)} s per image)\n`,
    decisions(cachedBlocks),
    `backend ${backend}, ${counted(threads, 'thread')}; ${policyText(report)}; cache ${formatBytes(memory.cache)}\n`,
  ].join('');
}

function policyText({ policy, period, macRatio }: SaidReport): string {
  if (policy === 'none') return 'no cache policy';
  const name = `policy ${policy}${period === undefined ? '' : `, period ${period}`}`;
  return `${name}: ${macRatio.toFixed(2)} of the multiply-adds of a run without a cache`;
}
