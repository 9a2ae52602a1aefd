import { mkdirSync } from 'node:fs';
import type { Command } from 'commander';
import { SAMPLER_NAMES } from '../../diffusion/sampler.js';
import { describeMemory } from '../../engine/sessionPlan.js';
import { ArgumentError, requireOneOf } from '../../errors.js';
import type { SampleOptions } from '../../pipeline/options.js';
import type { SampleResult } from '../../pipeline/result.js';
import { writeFileAtomic } from '../../weights/atomicFile.js';
import { writeNpz } from '../../weights/npz.js';
import { addCacheFlags, type CacheFlags, cacheOptions } from '../cacheFlags.js';
import { interruptSignal } from '../exit.js';
import { encodeGrid, isPictureSpace, writeSingles } from '../images.js';
import { decimal, integer, integerList } from '../parse.js';
import { startProgress } from '../progress.js';
import { addModelFlags, addOutputFlags, loadPipeline, type ModelFlags, type OutputFlags } from '../shared.js';
import { gmac } from '../table.js';

interface SampleFlags extends ModelFlags, OutputFlags, CacheFlags {
  readonly labels?: number[];
  readonly count?: number;
  readonly steps: number;
  readonly sampler: string;
  readonly eta?: number;
  readonly variance?: string;
  readonly guidanceScale: number;
  readonly guidanceChannels?: number;
  readonly seed: number;
  readonly batch?: number;
  readonly out: string;
  readonly single?: boolean;
  readonly columns: number;
  readonly report?: string;
}

const VARIANCES = ['learned', 'fixed-large'] as const;

export function registerSample(program: Command): void {
  const command = program
    .command('sample')
    .description('draw images')
    .option(
      '-l, --labels <list>',
      'class labels, as in 0,3,5-9 (default: every class once, at most 10)',
      integerList('labels'),
    )
    .option('-n, --count <n>', 'images; the labels are repeated in turn', integer('count', 1))
    .option('--steps <n>', 'denoising steps', integer('steps', 1), 50)
    .option('--sampler <name>', SAMPLER_NAMES.join(', '), 'ddim')
    .option('--eta <x>', 'noise of DDIM, 0 deterministic to 1', decimal('eta', 0))
    .option('--variance <kind>', `variance of DDPM: ${VARIANCES.join(', ')}`)
    .option(
      '-g, --guidance-scale <s>',
      'classifier-free guidance; 1 is none',
      decimal('guidance-scale', 0),
      1.5,
    )
    .option(
      '--guidance-channels <n>',
      'guide the first n channels only (default: all)',
      integer('guidance-channels', 1),
    )
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0)
    .option('--batch <n>', 'images denoised together', integer('batch', 1));
  addOutputFlags(addModelFlags(addCacheFlags(command)))
    .option('-o, --out <path>', 'PNG grid (.png), arrays (.npz), or with --single a folder', 'samples.png')
    .option('--single', 'one PNG an image, into the folder --out')
    .option('--columns <n>', 'images in a row of the grid', integer('columns', 1), 10)
    .option('--report <file>', 'write a JSON report')
    .action(runSample);
}

async function runSample(flags: SampleFlags): Promise<void> {
  requireOneOf('sampler', flags.sampler, SAMPLER_NAMES);
  if (flags.variance !== undefined) requireOneOf('variance', flags.variance, VARIANCES);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  checkOutput(flags, pipeline.config.inChannels);
  const options: SampleOptions = {
    labels: labelsOf(flags, pipeline.config.classes),
    steps: flags.steps,
    sampler: flags.sampler,
    guidanceScale: flags.guidanceScale,
    seed: flags.seed,
    cache: cacheOptions(flags),
    signal,
    ...(flags.eta !== undefined && { eta: flags.eta }),
    ...(flags.variance !== undefined && { variance: flags.variance }),
    ...(flags.guidanceChannels !== undefined && { guidanceChannels: flags.guidanceChannels }),
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
  writeImages(flags, result);
  const report = {
    model: flags.model,
    backend: pipeline.device.backend,
    threads: pipeline.device.threads,
    ...describeRun(flags, options),
    ...result.report,
  };
  if (flags.report !== undefined) writeFileAtomic(flags.report, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : summary(flags, result));
}

/** Fails before the work, not after it. */
function checkOutput({ out, single }: SampleFlags, channels: number): void {
  const png = single || out.endsWith('.png');
  if (!png && !out.endsWith('.npz'))
    throw new ArgumentError('out', out, 'a name that ends in .png or .npz, or a folder with --single');
  if (png && !isPictureSpace(channels))
    throw new ArgumentError(
      'out',
      out,
      `an .npz file: the model's ${channels} latent channels need a decoder`,
    );
}

function labelsOf({ labels, count }: SampleFlags, classes: number): number[] {
  const given = labels ?? Array.from({ length: Math.min(classes, 10) }, (_, label) => label);
  return Array.from({ length: count ?? given.length }, (_, i) => given[i % given.length]!);
}

function writeImages({ out, single, columns }: SampleFlags, result: SampleResult): void {
  if (single) {
    mkdirSync(out, { recursive: true });
    writeSingles(result, out);
  } else if (out.endsWith('.npz'))
    writeNpz(out, { samples: { shape: [...result.shape], data: result.latents } });
  else writeFileAtomic(out, encodeGrid(result, columns));
}

function describeRun(flags: SampleFlags, { labels, cache }: SampleOptions): Record<string, unknown> {
  const { sampler, seed, guidanceScale, out, policy, cacheForm, factors } = flags;
  return {
    labels,
    sampler,
    seed,
    guidanceScale,
    out,
    policy,
    period: cache?.period ?? (policy === 'none' ? 1 : 2),
    cacheForm,
    factors,
  };
}

function summary({ out }: SampleFlags, { report }: SampleResult): string {
  const { images, steps, macs, milliseconds } = report;
  const seconds = milliseconds / 1000;
  return `${out}: ${images} images, ${steps} steps, ${gmac(macs)}, ${seconds.toFixed(2)} s (${(seconds / images).toFixed(3)} s an image)\n${describeMemory(report.memory)}\n`;
}
