import { writeSync } from 'node:fs';
import type { Command } from 'commander';
import { CACHE_POLICIES, DEFAULT_PERIODS, parametersOf } from '../../cache/cachePolicy.js';
import { ArgumentError, formatBytes, IncacheError, requireOneOf } from '../../errors.js';
import type { Label, LabelTable } from '../../models/labelTable.js';
import type { SampleOptions } from '../../pipeline/options.js';
import { grid, type Picture } from '../../pipeline/picture.js';
import type { DiTPipeline } from '../../pipeline/pipeline.js';
import type { SampledLatents, SampleReport, SampleStep } from '../../pipeline/result.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { writeNpz } from '../../weights/npz.js';
import { addCacheFlags, type CacheFlags, cacheOptions } from '../cacheFlags.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { requireFilePath, requireFolderPath } from '../outputPath.js';
import { integer, labelList, MOST_ITEMS } from '../parse.js';
import { writeSingles } from '../pictures.js';
import { startProgress } from '../progress.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import {
  addModelFlags,
  addOutputFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
  VAE,
} from '../shared.js';
import { counted, gmac } from '../table.js';

interface SampleFlags extends ModelFlags, OutputFlags, SamplingFlags, CacheFlags {
  readonly labels?: Label[];
  readonly count?: number;
  readonly seed: number;
  readonly batch?: number;
  readonly out?: string;
  readonly single?: boolean;
  readonly columns: number;
  readonly preview?: number;
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
    .option('--vae <path>', VAE)
    .option(
      '-o, --out <path>',
      'a grid of pictures (.png, or - for standard output), arrays (.npz), or with --single a folder (default: samples.png, samples.npz of latents, samples with --single)',
    )
    .option('--single', 'one PNG for each image, in the folder --out')
    .option('--columns <n>', 'images in a row of the grid', integer('columns', 1), 10)
    .option(
      '--preview <n>',
      'every n steps also write a small picture, made without the autoencoder: to --out, or where that is no .png to a file NAME.preview.png beside it',
      integer('preview', 1),
    )
    .option('--report <file>', 'also write the result, as of --json, to a file');
  addOutputFlags(command).action(runSample);
}

async function runSample(flags: SampleFlags): Promise<void> {
  const sampling = samplingOptions(flags);
  if (flags.out !== undefined) checkOutput(flags, flags.out);
  const signal = interruptSignal();
  const cache = cacheOptions(flags);
  await using pipeline = await loadPipeline(flags);
  const out = flags.out ?? defaultOutput(flags, pipeline);
  checkOutput(flags, out);
  if (flags.out === undefined && !pipeline.decoder.isPresent)
    note(
      `${flags.model} has no autoencoder: its latents are written as they are; --vae names one that makes pictures`,
    );
  const drawn = flags.single === true || !out.endsWith('.npz');
  if (drawn) requireDecoder(pipeline, out);
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
  let result: SampledLatents;
  try {
    result = await pipeline.generateLatents(options, (step) => {
      progress.advance();
      if (flags.preview !== undefined && isPreviewed(step, flags.preview)) writePreview(flags, out, step);
    });
  } finally {
    progress.stop();
  }
  const decoding = performance.now();
  if (drawn) writePictures(flags, out, await decodeOrSave(pipeline, result, out, signal));
  else writeNpz(out, { samples: { shape: [...result.shape], data: result.latents } });
  const decodeMilliseconds = drawn && !pipeline.decoder.isIdentity ? performance.now() - decoding : undefined;
  const { backend, threads } = pipeline.device;
  const report = {
    model: flags.model,
    backend,
    threads,
    out,
    ...describeRun(flags, options),
    macRatio: macRatio(pipeline, options, result),
    ...result.report,
    ...(decodeMilliseconds !== undefined && { decodeMilliseconds }),
  };
  if (flags.report !== undefined) writeFileAtomic(flags.report, `${JSON.stringify(report, null, 2)}\n`);
  const said = flags.json ? `${JSON.stringify(report)}\n` : summary(report);
  if (out === '-') process.stderr.write(said);
  else process.stdout.write(said);
}

/** MACs over those of the same run without a cache. */
function macRatio(pipeline: DiTPipeline, options: SampleOptions, { report }: SampledLatents): number {
  const whole = pipeline.plan({ ...options, cache: { policy: 'none' } });
  return report.macs / report.images / ((whole.stepMacs + whole.conditioningMacs) / report.batch);
}

function defaultOutput({ single }: SampleFlags, { decoder }: DiTPipeline): string {
  if (!decoder.isPresent) return 'samples.npz';
  return single ? 'samples' : 'samples.png';
}

/** A picture of latents needs an autoencoder, which is opened before the work. */
function requireDecoder({ decoder, config }: DiTPipeline, out: string): void {
  if (!decoder.isPresent)
    throw new ArgumentError(
      'out',
      out,
      `a name that ends in .npz, for arrays: the model has ${config.inChannels} latent channels and no autoencoder in a folder 'vae' beside it; --vae names one that makes pictures`,
    );
  if (!decoder.isIdentity) decoder.checkpoint();
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

function labelsOf({ labels, count }: SampleFlags, table: LabelTable): number[] {
  const { classes } = table;
  const given =
    (labels && table.findAll(labels)) ?? Array.from({ length: Math.min(classes, 10) }, (_, label) => label);
  return Array.from({ length: count ?? given.length }, (_, i) => given[i % given.length]!);
}

/** The pictures of a run. Where they cannot be decoded its latents are kept, for they took longer. */
async function decodeOrSave(
  pipeline: DiTPipeline,
  { latents, shape }: SampledLatents,
  out: string,
  signal: AbortSignal,
): Promise<Picture[]> {
  try {
    return await pipeline.decode(latents, shape, { signal });
  } catch (error) {
    if (pipeline.decoder.isIdentity) throw error;
    const kept = `${out === '-' ? 'samples' : out.replace(/\.png$/, '')}.latents.npz`;
    writeNpz(kept, { samples: { shape: [...shape], data: latents } });
    if (signal.aborted) throw error;
    throw new IncacheError(
      `the latents could not be decoded and are in ${kept}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

function writePictures({ single, columns }: SampleFlags, out: string, pictures: readonly Picture[]): void {
  if (single) writeSingles(pictures, out);
  else if (out === '-') writeSync(process.stdout.fd, grid(pictures, columns).toPng());
  else writeFileAtomic(out, grid(pictures, columns).toPng());
}

function isPreviewed({ index, steps }: SampleStep, every: number): boolean {
  return (index + 1) % every === 0 && index + 1 < steps;
}

function writePreview({ columns, single }: SampleFlags, out: string, step: SampleStep): void {
  const path = single || !out.endsWith('.png') ? previewBeside(out) : out;
  writeFileAtomic(path, grid(step.preview(), columns).toPng());
}

/** For results that are no picture themselves. */
function previewBeside(out: string): string {
  return out === '-' ? 'preview.png' : `${out.replace(/(\.npz|\/+)$/, '')}.preview.png`;
}

/** The options of the run, beside what the engine reports. */
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
  readonly decodeMilliseconds?: number;
}

function summary(report: SaidReport): string {
  const { out, images, steps, macs, milliseconds, cachedBlocks, backend, threads, memory } = report;
  const { decodeMilliseconds } = report;
  const seconds = milliseconds / 1000;
  const name = out === '-' ? 'standard output' : out;
  return [
    `${name}: ${counted(images, 'image')}, ${counted(steps, 'step')}, ${gmac(macs)}, ${seconds.toFixed(2)} s (${(seconds / images).toFixed(3)} s per image)${decodeMilliseconds === undefined ? '' : `, decoded in ${(decodeMilliseconds / 1000).toFixed(2)} s`}\n`,
    decisions(cachedBlocks),
    `backend ${backend}, ${counted(threads, 'thread')}; ${policyText(report)}; cache ${formatBytes(memory.cache)}\n`,
  ].join('');
}

function policyText({ policy, period, macRatio }: SaidReport): string {
  if (policy === 'none') return 'no cache policy';
  const name = `policy ${policy}${period === undefined ? '' : `, period ${period}`}`;
  return `${name}: ${macRatio.toFixed(2)} of the multiply-adds of a run without a cache`;
}
