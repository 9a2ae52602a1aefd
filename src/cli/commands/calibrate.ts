import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { FACTOR_METHODS } from '../../cache/data/factorMethods.js';
import { StepGrams } from '../../cache/data/stepGrams.js';
import { calibrate } from '../../calibrate/calibrate.js';
import type { CalibrationSource } from '../../calibrate/sources.js';
import type { SamplerName } from '../../diffusion/sampler.js';
import { ArgumentError, requireOneOf } from '../../errors.js';
import { calibrateShard, MergedCalibration } from '../../evaluate/runs/calibrationShards.js';
import { layersWork, type MeasureLayersOptions, measureLayers } from '../../evaluate/runs/measureLayers.js';
import { type RunKey, SavedRun, withKept } from '../../evaluate/runs/savedRun.js';
import { subjectsKey } from '../../evaluate/runs/subjects.js';
import { MOST_TERMS } from '../../models/layers/actions.js';
import type { Network } from '../../models/network.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { textCondition } from '../../pipeline/text/textOptions.js';
import { VERSION } from '../../version.js';
import { requireUnused } from '../../weights/folderLock.js';
import { type CalibrationData, calibrationData } from '../calibrationData.js';
import { interruptSignal } from '../exit.js';
import { note } from '../note.js';
import { requireFilePath, requireFolderPath } from '../outputPath.js';
import { decimal, integer, MOST_ITEMS } from '../parse.js';
import { durationText, type Progress, startProgress } from '../progress.js';
import { rankText } from '../rankText.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import {
  addShardFlags,
  printShard,
  resumedShardChoice,
  type ShardChoice,
  type ShardFlags,
} from '../shardFlag.js';
import {
  addModelFlags,
  addOutputFlags,
  addVaeFlags,
  loadPipeline,
  type ModelFlags,
  type OutputFlags,
} from '../shared.js';
import { table } from '../table.js';
import { addTextFlags, type TextFlags, textOptions } from '../textFlags.js';

interface CalibrateFlags extends ModelFlags, OutputFlags, SamplingFlags, TextFlags, ShardFlags {
  readonly method: string;
  readonly rank: number;
  readonly layerRank?: Record<string, number>;
  readonly spread?: boolean;
  readonly images?: string;
  readonly count?: number;
  readonly seed: number;
  readonly batch?: number;
  readonly period?: number;
  readonly order?: number;
  readonly fits?: string;
  readonly terms?: number;
  readonly computed?: number;
  readonly ridge: number;
  readonly type: string;
  readonly resume?: string;
  readonly out: string;
}

const FILE_TYPES = ['f32', 'bf16'] as const;

/** Evaluations after which the others are estimated; the first one, which also warms up, does not count. */
const ESTIMATED_AFTER = 4;

/** Work that takes longer is worth a word. */
const LONG_SECONDS = 300;

export function register(program: Command): void {
  const command = program
    .command('calibrate')
    .description("Make the low-rank factors of a model, from images or from the model's own trajectories.")
    .option('--method <name>', FACTOR_METHODS.join(', '), 'cd')
    .option('-r, --rank <r>', 'rank of every layer; 0 is reuse', integer('rank', 0), 32)
    .option(
      '--layer-rank <layer=r>',
      'another rank for one layer, as in blocks.0.fc1=64; may be repeated',
      addLayerRank,
    )
    .addOption(
      new Option(
        '--spread',
        'on own trajectories: spread the rank over the layers, at the same MACs, by what each does to the image',
      ).conflicts(['layerRank', 'images']),
    )
    .option(
      '--images <file>',
      'calibration images (bytes or floats in [-1, 1], or latents) and labels, .safetensors or .npz; a model of latents encodes pictures (default: own trajectories)',
    )
    .option(
      '-n, --count <n>',
      'number of images or trajectories (default: 256, or all images where there are fewer)',
      integer('count', 1, MOST_ITEMS),
    );
  addTextFlags(addSamplingFlags(command))
    .addOption(
      new Option('--period <p>', 'on own trajectories: for policy calibrated with this period (default: 2)')
        .argParser(integer('period', 2))
        .conflicts('images'),
    )
    .addOption(
      new Option('--order <m>', 'and with this order: increments to a polynomial (default: 0)')
        .argParser(integer('order', 0, MOST_TERMS - 1))
        .conflicts('images'),
    )
    .addOption(
      new Option('--fits <file>', 'made by incache fit: increments to fitted combinations instead').conflicts(
        ['images', 'order'],
      ),
    )
    .addOption(
      new Option('--terms <n>', 'computed steps that --fits combine (default: 3)').argParser(
        integer('terms', 1, MOST_TERMS),
      ),
    )
    .addOption(
      new Option('--computed <n>', 'computed steps that --fits choose, instead of --period')
        .argParser(integer('computed', 1))
        .conflicts('period'),
    )
    .option('--ridge <x>', 'regularisation of method whitened', decimal('ridge', 0), 0.01)
    .option('--type <type>', `numbers of the file: ${FILE_TYPES.join(' or ')}, which is half as large`, 'f32')
    .option('-s, --seed <n>', 'seed of noise and timesteps', integer('seed', 0), 0)
    .option(
      '--batch <n>',
      'images evaluated together, a divisor of their number (default: the largest up to 16)',
      integer('batch', 1),
    )
    .option('--resume <folder>', 'keep what is measured in a folder, and go on with it where there is some')
    .option('-o, --out <file>', 'factors file', 'factors.safetensors');
  addShardFlags(command, {
    verb: 'measure',
    folder: '--resume',
    merged: 'make the factors of what all shards in --resume have measured',
  });
  addOutputFlags(addVaeFlags(addModelFlags(command))).action(runCalibrate);
}

async function runCalibrate(merge: string | undefined, flags: CalibrateFlags): Promise<void> {
  const choice = resumedShardChoice(merge, flags);
  const { method } = flags;
  requireOneOf('method', method, FACTOR_METHODS);
  requireFlags(flags, choice);
  const signal = interruptSignal();
  await using pipeline = await loadPipeline(flags);
  const ranks = flags.layerRank ?? {};
  requireLayers(Object.keys(ranks), pipeline.network);
  const fits = flags.fits === undefined ? undefined : StepGrams.load(flags.fits);
  const shown = method === 'svd' ? undefined : await calibrationData(flags, fits, pipeline, signal);
  const source = shown?.source;
  const key = flags.resume === undefined ? undefined : await keyOf(flags, pipeline, shown, signal);
  const phases = new Phases(flags, pipeline.network, source);
  const layers = { ...layerOptions(flags, fits, signal), onLayer: phases.onLayerError };
  try {
    if (choice.shard) {
      const shared = { folder: flags.resume!, key: key!, method, source: source! };
      const watched = { ...shared, signal, onEvaluation: phases.onEvaluation };
      const range = await calibrateShard(
        pipeline,
        { ...watched, ...(flags.spread && { layerErrors: layers }) },
        choice.shard,
      );
      phases.stop();
      return printShard({ json: flags.json, folder: flags.resume! }, choice.shard, range, {
        items: 'batches',
        next: 'incache calibrate merge makes the factors',
      });
    }
    using store = key && (await openStore(choice, flags.resume!, key, pipeline, source));
    const started = performance.now();
    const factors = await calibrate(pipeline, {
      method,
      rank: flags.spread
        ? {
            spread: flags.rank,
            errors: await measureLayers(pipeline, { ...layers, ...(store && { store }) }),
          }
        : (layer) => ranks[layer] ?? flags.rank,
      ...(source && { source }),
      ridge: flags.ridge,
      ...(store && { store }),
      signal,
      onEvaluation: phases.onEvaluation,
      onProgress: phases.onProgress,
    });
    (flags.type === 'bf16' ? factors.rounded() : factors).save(flags.out);
    const seconds = (performance.now() - started) / 1000;
    const report = {
      out: flags.out,
      ...factors.info,
      layers: factors.layers.size,
      rank: rankText(factors),
      seconds,
    };
    phases.stop();
    if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    else
      process.stdout.write(
        table(
          ['factors', ''],
          Object.entries(report).map(([key, value]) => [key, format(value)]),
        ),
      );
  } catch (error) {
    throw key ? withKept(error, 'what was measured before is') : error;
  } finally {
    phases.stop();
  }
}

/** Fails before the work, not after it. */
function requireFlags({ method, type, out, resume }: CalibrateFlags, { shard, isMerge }: ShardChoice): void {
  requireOneOf('type', type, FILE_TYPES);
  requireFilePath('out', out);
  if (resume === undefined) return;
  requireFolderPath('resume', resume);
  // The lock of a shard is in a folder of its own.
  if (!shard && !isMerge) requireUnused('resume', resume);
  else if (method === 'svd')
    throw new ArgumentError('method', method, 'one that measures something to be divided into shards');
}

/** A bar for each part of the work, since the units of one take another time than those of the next. */
class Phases {
  readonly #flags: CalibrateFlags;
  readonly #evaluations: number;
  readonly #batches: number;
  readonly #network: Network;
  #evaluated = 0;
  #firstEvaluated = 0;
  #bar: { readonly name: string; readonly progress: Progress } | undefined;

  constructor(flags: CalibrateFlags, network: Network, source: CalibrationSource | undefined) {
    this.#flags = flags;
    this.#network = network;
    this.#batches = source?.batches ?? 0;
    this.#evaluations = this.#batches * (source?.evaluations ?? 0);
    if (flags.spread) this.#at('spreading ranks', layersWork(network));
    else if (source) this.#at('evaluating', this.#evaluations);
  }

  readonly onLayerError = () => this.#at('spreading ranks', layersWork(this.#network)).advance();
  readonly onEvaluation = () => {
    this.#at('evaluating', this.#evaluations).advance();
    this.#evaluated++;
    if (this.#evaluated === 1) this.#firstEvaluated = performance.now();
    if (this.#evaluated !== ESTIMATED_AFTER) return;
    const seconds = (performance.now() - this.#firstEvaluated) / 1000;
    const sentence = longWork(seconds, this.#evaluated - 1, this.#evaluations);
    if (sentence) note(sentence);
  };
  readonly onProgress = (done: number, total: number) => {
    if (done > this.#batches) this.#at('factoring layers', total - this.#batches).advance();
  };

  stop(): void {
    this.#bar?.progress.stop();
    this.#bar = undefined;
  }

  #at(name: string, total: number): Progress {
    if (this.#bar?.name === name) return this.#bar.progress;
    this.stop();
    const progress = startProgress(name, total, this.#flags.json === true);
    this.#bar = { name, progress };
    return progress;
  }
}

/** Said before work that takes long, and how to make it less; nothing before work that does not. */
export function longWork(seconds: number, done: number, total: number): string | undefined {
  const all = (seconds / done) * total;
  if (all < LONG_SECONDS) return undefined;
  return `${total} evaluations of the model take about ${durationText(all)} here; fewer --count or --steps take less`;
}

/** Where `--resume` keeps the calibration. */
function openStore(
  { isMerge }: ShardChoice,
  folder: string,
  key: RunKey,
  pipeline: Pipeline,
  source: CalibrationSource | undefined,
): Promise<SavedRun | MergedCalibration> {
  return isMerge
    ? MergedCalibration.open(pipeline, { folder, key }, source!.batches)
    : SavedRun.open(folder, key);
}

/** What makes two calibrations the same. */
async function keyOf(
  flags: CalibrateFlags,
  pipeline: Pipeline,
  shown: CalibrationData | undefined,
  signal: AbortSignal,
): Promise<RunKey> {
  const { method, rank, layerRank, spread, ridge, fits } = flags;
  const { seed, period, order, terms, computed } = flags;
  const { checkpoint, device, network } = pipeline;
  return {
    incache: VERSION,
    model: await checkpoint.loadHash(signal),
    backend: device.backend,
    arithmetic: device.arithmetic,
    ...{ method, rank, layerRank, spread, ridge },
    ...samplingOptions(flags),
    ...(textCondition(network) && subjectsKey(pipeline, textOptions(flags))),
    ...{ seed, period, order, terms, computed },
    ...(shown && {
      source: shown.source.description,
      batch: shown.source.images / shown.source.batches,
      data: shown.hash(),
    }),
    fits: fits && createHash('sha256').update(readFileSync(fits)).digest('hex'),
  };
}

/** How the errors of layers are measured, by which ranks are spread. */
function layerOptions(
  flags: CalibrateFlags,
  fits: StepGrams | undefined,
  signal: AbortSignal,
): MeasureLayersOptions {
  const { seed, period, order, terms, computed } = flags;
  return {
    ...(fits && { sampler: fits.info.sampler as SamplerName }),
    ...samplingOptions(flags),
    ...textOptions(flags),
    seed,
    ...(period !== undefined && { period }),
    ...(order !== undefined && { order }),
    ...(fits && { fits }),
    ...(terms !== undefined && { terms }),
    ...(computed !== undefined && { computed }),
    signal,
  };
}

function addLayerRank(text: string, ranks: Record<string, number> = {}): Record<string, number> {
  const [, layer, rank] = /^([^=]+)=(\d+)$/.exec(text) ?? [];
  if (layer === undefined)
    throw new ArgumentError('layer-rank', text, 'a layer and its rank, as in blocks.0.fc1=64');
  return { ...ranks, [layer]: Number(rank) };
}

function requireLayers(names: readonly string[], { layers, blocks }: Network): void {
  const unknown = names.find((name) => !layers.some((layer) => layer.name === name));
  const kinds = [...new Set(layers.map(({ kind }) => kind))];
  if (unknown !== undefined)
    throw new ArgumentError(
      'layer-rank',
      unknown,
      `${blocks[0]!.name} to ${blocks.at(-1)!.name} followed by one of ${kinds.map((kind) => `.${kind}`).join(', ')}`,
    );
}

function format(value: unknown): string {
  return typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(2) : String(value);
}
