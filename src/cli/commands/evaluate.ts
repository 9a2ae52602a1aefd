import type { Command } from 'commander';
import { isGated } from '../../cache/cachePolicy.js';
import { ArgumentError } from '../../errors.js';
import { DigitsClassifier } from '../../evaluate/features/digitsClassifier.js';
import type { FeatureExtractor } from '../../evaluate/features/featureExtractor.js';
import { openExtractor } from '../../evaluate/features/openExtractor.js';
import { frechetName } from '../../evaluate/metrics/frechet.js';
import { imagesForCovariance, requireImages } from '../../evaluate/metrics/gaussian.js';
import { DEFAULT_SPLITS } from '../../evaluate/metrics/inceptionScore.js';
import type { Reference } from '../../evaluate/metrics/reference.js';
import {
  type EvaluateOptions,
  type EvaluationReport,
  evaluateModel,
} from '../../evaluate/runs/evaluateModel.js';
import { shardRange } from '../../evaluate/runs/shardFolders.js';
import { evaluateShard, mergeShards } from '../../evaluate/runs/shards.js';
import type { Label } from '../../models/labelTable.js';
import { requireUnused } from '../../weights/folderLock.js';
import { addCacheFlags, type CacheFlags, cacheOptions } from '../cacheFlags.js';
import { interruptSignal } from '../exit.js';
import {
  addClipFlags,
  addFeatureFlags,
  type ClipFlags,
  type FeatureFlags,
  onnxOptions,
  openClip,
} from '../featureFlags.js';
import { requireFilePath, requireFolderPath } from '../outputPath.js';
import { integer, labelList, MOST_ITEMS } from '../parse.js';
import { startProgress } from '../progress.js';
import { openReference } from '../referenceFile.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions, stepsOf } from '../samplingFlags.js';
import { addShardFlags, printShard, resumedShardChoice, type ShardFlags } from '../shardFlag.js';
import {
  addModelFlags,
  addOutputFlags,
  addVaeFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';
import { gmac, table } from '../table.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface EvaluateFlags
  extends ModelFlags,
    OutputFlags,
    SamplingFlags,
    TextFlags,
    ClipFlags,
    CacheFlags,
    FeatureFlags,
    ShardFlags {
  readonly images: number;
  readonly labels?: Label[];
  readonly seed: number;
  readonly batch: number;
  readonly compare?: boolean;
  readonly pictures?: boolean;
  readonly precisionRecall?: boolean;
  readonly splits: number;
  readonly npz?: string;
  readonly statistics?: string;
  readonly resume?: string;
}

export function register(program: Command): void {
  const command = program
    .command('evaluate')
    .description('Sample many images with a cache policy; measure how good they are and what they cost.')
    .option('-n, --images <n>', 'images to sample', integer('images', 1, MOST_ITEMS), 1000)
    .option(
      '-l, --labels <list>',
      'classes in turn by number or name, as in 0,5-9,macaw (default: all)',
      labelList('labels'),
    )
    .option('-s, --seed <n>', 'seed of the noise', integer('seed', 0), 0);
  addTextFlags(addSamplingFlags(command)).option(
    '--batch <n>',
    'images denoised together',
    integer('batch', 1),
    16,
  );
  addVaeFlags(addModelFlags(addCacheFlags(command)))
    .option('--compare', 'also sample every image without a cache: PSNR, SSIM and relative L2 to it')
    .option(
      '--pictures',
      'measure the pictures that the autoencoder makes, not latents (default: where --vae is given)',
    );
  addClipFlags(addFeatureFlags(command))
    .option('--precision-recall', 'improved precision and recall, against reference images')
    .option('--splits <n>', 'splits of the inception score', integer('splits', 1), DEFAULT_SPLITS)
    .option('--npz <file>', "write the images for ADM's evaluator: arr_0, uint8, channels last")
    .option('--statistics <file>', 'write mu and sigma of the images, .npz')
    .option('--resume <folder>', 'keep the run in a folder, and go on with it where there is one');
  addShardFlags(command, {
    verb: 'evaluate',
    folder: '--resume',
    merged: 'report what all shards in --resume have measured, and sample nothing',
  });
  addOutputFlags(command).action(runEvaluate);
}

async function runEvaluate(merge: string | undefined, flags: EvaluateFlags): Promise<void> {
  const { shard, isMerge } = resumedShardChoice(merge, flags);
  const sampling = { ...samplingOptions(flags), ...textOptions(flags) };
  checkPaths(flags, shard !== undefined || isMerge);
  const signal = interruptSignal();
  const cache = cacheOptions(flags);
  await using pipeline = await loadPipeline(flags);
  const clip = await openClip(flags);
  const extractor = await openExtractor(flags.features, pipeline.network, onnxOptions(flags));
  try {
    const reference = await referenceOf(flags, extractor, signal);
    const options: Omit<EvaluateOptions, 'onStep'> = {
      ...sampling,
      ...picked(flags),
      ...(flags.labels && { labels: pipeline.checkpoint.labels.findAll(flags.labels) }),
      cache,
      signal,
      key: { weights: flags.weights },
      ...(extractor && { extractor }),
      ...(clip && { clip, pictures: true }),
      ...(reference && { reference }),
    };
    if (isMerge) return print(flags, await mergeShards(pipeline, options), extractor, pipeline.device);
    const images = shard ? shardRange(shard, flags.images, flags.batch).count : flags.images;
    const batches = (together: number) => Math.ceil(images / together);
    const own = batches(isGated(cache.policy) ? 1 : flags.batch);
    const work = stepsOf(flags, pipeline) * (own + (flags.compare ? batches(flags.batch) : 0));
    const progress = startProgress('evaluating', work, flags.json === true);
    try {
      const watched = { ...options, onStep: () => progress.advance() };
      if (shard) {
        const range = await evaluateShard(pipeline, watched, shard);
        progress.stop();
        return printShard({ json: flags.json, folder: flags.resume! }, shard, range, {
          items: 'images',
          next: 'incache evaluate merge reports all',
        });
      }
      const report = await evaluateModel(pipeline, watched);
      progress.stop();
      print(flags, report, extractor, pipeline.device);
    } finally {
      progress.stop();
    }
  } finally {
    await extractor?.dispose();
    await clip?.dispose();
  }
}

/** Fails before the work, not after it. */
function checkPaths({ npz, statistics, resume }: EvaluateFlags, sharded: boolean): void {
  for (const [option, path] of Object.entries({ npz, statistics })) {
    if (path === undefined) continue;
    if (!path.endsWith('.npz')) throw new ArgumentError(option, path, 'a name that ends in .npz');
    requireFilePath(option, path);
  }
  if (resume === undefined) return;
  requireFolderPath('resume', resume);
  // The lock of a shard is in a folder of its own.
  if (!sharded) requireUnused('resume', resume);
}

/** The named one; else, for digits, the classifier's own where there are enough images. */
async function referenceOf(
  { against, images, precisionRecall, json }: EvaluateFlags,
  extractor: FeatureExtractor | undefined,
  signal: AbortSignal,
): Promise<Reference | undefined> {
  if (against === undefined) {
    if (precisionRecall)
      throw new ArgumentError('against', against, 'reference images, for --precision-recall');
    const enough = extractor && images >= imagesForCovariance(extractor.features);
    return enough && extractor instanceof DigitsClassifier ? { features: extractor.reference } : undefined;
  }
  if (!extractor) throw new ArgumentError('features', 'none', 'a feature model, since --against is given');
  requireImages(images, extractor.features);
  return openReference(against, extractor, { signal, quiet: json === true });
}

/** The options that are passed on as they are. */
function picked(
  flags: EvaluateFlags,
): Pick<EvaluateOptions, 'images' | 'seed' | 'batch' | 'splits'> &
  Partial<
    Pick<EvaluateOptions, 'compare' | 'pictures' | 'precisionRecall' | 'npz' | 'statistics' | 'folder'>
  > {
  const { images, seed, batch, splits, compare, pictures, vae, precisionRecall, npz, statistics, resume } =
    flags;
  return {
    images,
    seed,
    batch,
    splits,
    ...(compare && { compare }),
    ...((pictures || vae !== undefined) && { pictures: true }),
    ...(precisionRecall && { precisionRecall }),
    ...(npz !== undefined && { npz }),
    ...(statistics !== undefined && { statistics }),
    ...(resume !== undefined && { folder: resume }),
  };
}

function print(
  flags: EvaluateFlags,
  report: EvaluationReport,
  extractor: FeatureExtractor | undefined,
  { backend, threads }: { readonly backend: string; readonly threads: number },
): void {
  if (flags.json) {
    const { model, policy, steps, seed, splits } = flags;
    const features = extractor && { features: extractor.name, frechetName: frechetName(extractor.name) };
    const run = { model, policy, steps, seed, splits, backend, threads, ...features };
    process.stdout.write(`${JSON.stringify({ ...run, ...report })}\n`);
    return;
  }
  process.stdout.write(
    table([`${report.images} images, ${flags.policy}`, ''], rowsOf(flags, report, extractor)),
  );
}

function rowsOf(
  { compare }: EvaluateFlags,
  report: EvaluationReport,
  extractor: FeatureExtractor | undefined,
): [string, string][] {
  const bytes = report.bytesPerImage;
  const rows: [string, string | undefined][] = [
    ['beside uncached', besideUncached(report)],
    ['PSNR to uncached', psnrText(report)],
    ['SSIM to uncached', report.ssim?.toFixed(5)],
    ['relative L2 to uncached', compare ? report.relativeL2?.toExponential(3) : undefined],
    ['accuracy', report.accuracy?.toFixed(4)],
    ['CLIP score', report.clipScore?.toFixed(4)],
    ['inception score', inceptionText(report)],
    ...(extractor ? distanceRows(report, extractor) : []),
    ['precision', report.precision?.toFixed(4)],
    ['recall', report.recall?.toFixed(4)],
    ['MACs an image', gmac(report.macsPerImage)],
    ['MACs an image, uncached', compared(report.uncachedMacsPerImage, gmac)],
    ['bytes an image', bytes === undefined ? undefined : `${(bytes / 1e9).toFixed(3)} GB`],
    ['time an image', seconds(report.millisecondsPerImage)],
    ['time an image, uncached', compared(report.uncachedMillisecondsPerImage, seconds)],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== undefined);
}

function compared(value: number | undefined, text: (value: number) => string): string | undefined {
  return value === undefined ? undefined : text(value);
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(3)} s`;
}

/** The whole comparison in a line. */
function besideUncached(report: EvaluationReport): string | undefined {
  const { uncachedMacsPerImage: macs, uncachedMillisecondsPerImage: milliseconds, psnr } = report;
  if (macs === undefined || milliseconds === undefined) return undefined;
  const [time, work] = [report.millisecondsPerImage / milliseconds, report.macsPerImage / macs];
  const parts = [`${time.toFixed(2)} of the time`, `${work.toFixed(2)} of the MACs`];
  return [...parts, ...(psnr === undefined ? [] : [`${psnr.toFixed(1)} dB`])].join(', ');
}

function psnrText({ psnr, identical = 0, images }: EvaluationReport): string | undefined {
  if (psnr === undefined) return identical > 0 ? 'every image is identical' : undefined;
  const apart = identical > 0 ? ` over ${images - identical} images; ${identical} are identical` : '';
  return `${psnr.toFixed(2)} dB${apart}`;
}

function distanceRows(report: EvaluationReport, extractor: FeatureExtractor): [string, string | undefined][] {
  const name = frechetName(extractor.name);
  const least = imagesForCovariance(extractor.features);
  const few = report.images < least ? `needs ${least} images` : undefined;
  return [
    [name, report.frechet?.toFixed(4) ?? few],
    [`spatial ${name}`, report.spatialFrechet?.toFixed(4)],
  ];
}

function inceptionText({ inceptionScore }: EvaluationReport): string | undefined {
  return (
    inceptionScore && `${inceptionScore.mean.toFixed(4)} +- ${inceptionScore.standardDeviation.toFixed(4)}`
  );
}
