import { join } from 'node:path';
import type { Command } from 'commander';
import { FactorSet } from '../../cache/data/factorSet.js';
import type { CalibrationImages } from '../../calibrate/images.js';
import { EMBEDDED_CALIBRATION_IMAGES, EMBEDDED_MODEL } from '../../embedded.js';
import { ArgumentError, requireOneOf } from '../../errors.js';
import { DigitsClassifier } from '../../evaluate/features/digitsClassifier.js';
import type { FeatureExtractor } from '../../evaluate/features/featureExtractor.js';
import { openExtractor } from '../../evaluate/features/openExtractor.js';
import { imagesForCovariance, requireImages } from '../../evaluate/metrics/gaussian.js';
import { measureReference, type Reference } from '../../evaluate/metrics/reference.js';
import {
  EXPERIMENT_NAMES,
  EXPERIMENTS,
  type ExperimentOptions,
  runExperiment,
  WORK,
} from '../../experiment/runExperiment.js';
import { experimentShard, mergeExperiment } from '../../experiment/shards.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { Recipe } from '../../pipeline/recipe.js';
import { requireUnused } from '../../weights/folderLock.js';
import { calibrationImages } from '../calibrationImages.js';
import { interruptSignal } from '../exit.js';
import { addFeatureFlags, type FeatureFlags, onnxOptions } from '../featureFlags.js';
import { requireFolderPath } from '../outputPath.js';
import { integer, MOST_ITEMS } from '../parse.js';
import { type EstimatedProgress, startEstimatedProgress } from '../progress.js';
import { openReference } from '../referenceFile.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import { addShardFlags, printShard, type ShardFlags, shardChoice } from '../shardFlag.js';
import {
  addModelFlags,
  addOutputFlags,
  addVaeFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface ExperimentFlags
  extends ModelFlags,
    OutputFlags,
    SamplingFlags,
    TextFlags,
    FeatureFlags,
    ShardFlags {
  readonly out?: string;
  readonly images: number;
  readonly seeds: number;
  readonly batch: number;
  readonly only?: string;
  readonly calibrationImages?: string;
  readonly factors?: string;
  readonly recipe?: string;
  readonly times: boolean;
}

const MOST_SEEDS = 1000;

export function register(program: Command): void {
  const command = program
    .command('experiment')
    .description(
      'Do an experiment on a model: a page, a chart, JSON and CSV in a folder. Called again, it goes on where it was stopped.',
    )
    .argument('<name>', EXPERIMENT_NAMES.join(', '))
    .option('-o, --out <folder>', 'folder of the results (default: the name)')
    .option('-n, --images <n>', 'images of a configuration and seed', integer('images', 1, MOST_ITEMS), 100)
    .option('--seeds <k>', 'seeds 0 to k - 1', integer('seeds', 1, MOST_SEEDS), 1)
    .option('--only <list>', 'only configurations whose names contain one of these, as in "DDIM,r=16 p=2"');
  addTextFlags(addSamplingFlags(command)).option(
    '--batch <n>',
    'images denoised together',
    integer('batch', 1),
    16,
  );
  addFeatureFlags(addVaeFlags(addModelFlags(command)))
    .option(
      '--calibration-images <file>',
      'images (bytes or floats in [-1, 1]) and labels, .safetensors or .npz (default: those of the embedded model; own trajectories of others)',
    )
    .option('--factors <file>', 'made by incache calibrate: policies measures calibrated with them too')
    .option('--recipe <file>', 'made by incache tune: policies measures it too')
    .option('--no-times', 'policies: quality and MACs alone, as on a machine that is busy');
  addShardFlags(command, {
    verb: 'take',
    folder: '--out',
    merged: 'report what all shards in --out have measured, and measure nothing',
  });
  addOutputFlags(command).addHelpText('after', `\nExperiments:\n${listing()}`).action(run);
}

function listing(): string {
  const width = Math.max(...EXPERIMENT_NAMES.map((name) => name.length));
  return EXPERIMENT_NAMES.map((name) => `  ${name.padEnd(width)}  ${EXPERIMENTS[name].about}`).join('\n');
}

async function run(name: string, merge: string | undefined, flags: ExperimentFlags): Promise<void> {
  requireOneOf('experiment', name, EXPERIMENT_NAMES);
  const { shard, isMerge } = shardChoice(merge, flags);
  const out = flags.out ?? name;
  requireFolderPath('out', out);
  // The lock of a shard is in a folder of its own.
  if (!shard) requireUnused('out', join(out, WORK));
  const sampling = samplingOptions(flags);
  const factors = flags.factors === undefined ? undefined : FactorSet.load(flags.factors);
  const recipe = flags.recipe === undefined ? undefined : Recipe.load(flags.recipe);
  const text = textOptions(flags);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  const images = await imagesOf(flags, pipeline, signal);
  const extractor = await openExtractor(flags.features, pipeline.network, onnxOptions(flags));
  let progress: EstimatedProgress | undefined;
  try {
    const reference = await referenceOf(flags, extractor, images, signal);
    const bar = startEstimatedProgress(name, flags.json === true);
    progress = bar;
    const options: ExperimentOptions = {
      out,
      images: flags.images,
      seeds: flags.seeds,
      batch: flags.batch,
      ...(flags.only !== undefined && { only: flags.only.split(',') }),
      sampling,
      text,
      command: ['incache', ...process.argv.slice(2)].map(shellWord).join(' '),
      key: { weights: flags.weights ?? pipeline.device.activations },
      signal,
      ...(images && { calibrationImages: images }),
      ...(factors && { factors }),
      ...(recipe && { recipe }),
      times: flags.times,
      ...(extractor && { judge: { extractor, ...(reference && { reference }) } }),
    };
    const watched: ExperimentOptions = {
      ...options,
      onProgress: ({ share, secondsLeft, name }) => bar.set(share, secondsLeft, name),
    };
    if (shard) {
      const range = await experimentShard(pipeline, name, watched, shard);
      bar.stop();
      return printShard({ json: flags.json, folder: out }, shard, range, {
        items: 'measurements',
        next: `incache experiment ${name} merge reports all`,
      });
    }
    const tables = await (isMerge ? mergeExperiment : runExperiment)(pipeline, name, watched);
    bar.stop();
    const report = {
      out,
      tables: Object.fromEntries([...tables].map(([table, { length }]) => [table, length])),
    };
    process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : `${out}/README.md\n`);
  } finally {
    progress?.stop();
    await extractor?.dispose();
  }
}

/** As it was typed, or must be to mean the same. */
function shellWord(word: string): string {
  return /^[\w.,:=/@+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

async function imagesOf(
  { calibrationImages: given, model, json }: ExperimentFlags,
  pipeline: Pipeline,
  signal: AbortSignal,
): Promise<CalibrationImages | undefined> {
  const path = given ?? (model === EMBEDDED_MODEL ? EMBEDDED_CALIBRATION_IMAGES : undefined);
  if (path === undefined) return undefined;
  return calibrationImages(pipeline, path, { seed: 0, quiet: json === true, signal });
}

/**
 * The named one; else, for digits, the classifier's own statistics where there are enough images, with the features
 * of the calibration images for precision and recall.
 */
async function referenceOf(
  { against, images, json }: ExperimentFlags,
  extractor: FeatureExtractor | undefined,
  calibrationImages: CalibrationImages | undefined,
  signal: AbortSignal,
): Promise<Reference | undefined> {
  if (against !== undefined) {
    if (!extractor) throw new ArgumentError('features', 'none', 'a feature model, since --against is given');
    requireImages(images, extractor.features);
    return openReference(against, extractor, { signal, quiet: json === true });
  }
  if (!(extractor instanceof DigitsClassifier) || images < imagesForCovariance(extractor.features))
    return undefined;
  // They are few: for a distance there are better statistics of the same.
  if (!calibrationImages || calibrationImages.labels.length < imagesForCovariance(extractor.features))
    return { features: extractor.reference };
  const { rows } = await measureReference(
    { data: calibrationImages.images, shape: [calibrationImages.labels.length, 1, 32, 32] },
    extractor,
    { signal },
  );
  return { features: extractor.reference, ...(rows && { rows }) };
}
