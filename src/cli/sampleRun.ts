/** What `incache sample` draws with: a checkpoint, whose options are all open, or an exported file, which has fixed most of them. */
import type { Command } from 'commander';
import { CACHE_POLICIES, DEFAULT_PERIODS, parametersOf } from '../cache/cachePolicy.js';
import { ArgumentError, requireOneOf } from '../errors.js';
import { ExportedPipeline, fixedOption } from '../export/exportedPipeline.js';
import type { Label, LabelTable } from '../models/labelTable.js';
import type { Geometry, Network } from '../models/network.js';
import type { ResolvedOptions, SampleOptions } from '../pipeline/options.js';
import type { Picture } from '../pipeline/picture.js';
import type { SampledLatents, SampleStep } from '../pipeline/result.js';
import { resolveText, type TextOptions, textCondition } from '../pipeline/text/textOptions.js';
import { type CacheFlags, cacheOptions } from './cacheFlags.js';
import { type SamplingFlags, samplingOptions } from './samplingFlags.js';
import { deviceOptions, loadPipeline, type ModelFlags } from './shared.js';
import { type TextFlags, textEncoderOptions, textOptions } from './textFlags.js';

export interface SampleRunFlags extends ModelFlags, SamplingFlags, CacheFlags, TextFlags {
  readonly size?: Geometry;
  readonly resolutionBinning?: boolean;
  readonly labels?: Label[];
  readonly count?: number;
  readonly seed: number;
  readonly batch?: number;
}

type DecodeOptions = { readonly signal: AbortSignal };

export interface SampleRun extends AsyncDisposable {
  readonly backend: string;
  readonly threads: number;
  readonly decoder: { readonly isPresent: boolean; readonly isIdentity: boolean };
  /** What is said, and done, of a model that gives latents alone. */
  readonly withoutDecoder: string;
  /** Steps of all batches together. */
  readonly steps: number;
  /** Throws for pictures that cannot be made, before the work. */
  requireDecoder(out: string): void;
  generateLatents(onStep: (step: SampleStep) => void): Promise<SampledLatents>;
  decode({ latents, shape }: SampledLatents, options: DecodeOptions): Promise<Picture[]>;
  /** The options of the run, beside what the engine reports. */
  describe(result: SampledLatents): Record<string, unknown>;
}

export async function openCheckpointRun(flags: SampleRunFlags, signal: AbortSignal): Promise<SampleRun> {
  const sampling = samplingOptions(flags);
  const cache = cacheOptions(flags);
  const text = textOptions(flags);
  const pipeline = await loadPipeline(flags);
  const { options, resolved } = await disposedOnError(pipeline, () => {
    const options: SampleOptions = {
      ...drawnOf(flags, text, pipeline.network, pipeline.checkpoint.labels),
      ...sampling,
      ...flags.size,
      ...(flags.resolutionBinning === false && { resolutionBinning: false }),
      seed: flags.seed,
      cache,
      signal,
      ...(flags.batch !== undefined && { batch: flags.batch }),
    };
    return { options, resolved: pipeline.resolve(options) };
  });
  const { device, decoder, network } = pipeline;
  return {
    backend: device.backend,
    threads: device.threads,
    decoder,
    withoutDecoder:
      'has no autoencoder: its latents are written as they are; --vae names one that makes pictures',
    steps: Math.ceil(resolved.images / resolved.batch) * resolved.steps,
    requireDecoder: (out) => {
      if (!decoder.isPresent)
        throw noPictures(
          out,
          `the model has ${network.latents.channels} latent channels and no autoencoder in a folder 'vae' beside it; --vae names one that makes pictures`,
        );
      if (!decoder.isIdentity) decoder.checkpoint();
    },
    generateLatents: (onStep) => pipeline.generateLatents(options, onStep),
    decode: ({ latents, shape, pictureSize: size }, decoding) =>
      pipeline.decode(latents, shape, { ...decoding, size }),
    describe: (result) => ({
      ...describeOptions(flags, options, resolved),
      macRatio: macRatioOf(
        result,
        pipeline.plan({ ...options, batch: result.report.batch, cache: { policy: 'none' } }),
      ),
    }),
    [Symbol.asyncDispose]: () => pipeline.dispose(),
  };
}

/** Options of the command line that an exported file leaves open. */
const OPEN = new Set(
  'model labels count seed prompt prompts negativePrompt embeddings cleanCaption textEncoder tokenizer keepTextEncoder embeddingsCache backend threads weights out single columns preview report json debug'.split(
    ' ',
  ),
);

export async function openExportedRun(
  flags: SampleRunFlags,
  signal: AbortSignal,
  command: Command,
): Promise<SampleRun> {
  for (const option of command.options) {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) === 'cli' && !OPEN.has(name))
      throw fixedOption(option.long!.slice(2), command.getOptionValue(name), flags.model);
  }
  const text = textOptions(flags);
  const pipeline = await ExportedPipeline.load(flags.model, {
    ...deviceOptions(flags),
    ...textEncoderOptions(flags),
  });
  const { device, header, hasPictures, network } = pipeline;
  const { drawn, images } = await disposedOnError(pipeline, () => {
    const drawn = drawnOf(flags, text, network, pipeline.labels);
    return { drawn, images: resolveText(drawn, network)?.images ?? drawn.labels!.length };
  });
  const { labels, prompts, negativePrompt } = drawn;
  const { name, guidanceScale, guidanceChannels } = header;
  return {
    backend: device.backend,
    threads: device.threads,
    decoder: { isPresent: hasPictures, isIdentity: hasPictures && !header.decoder },
    withoutDecoder:
      'has no decoder: its latents are written as they are; incache decode makes pictures of them',
    steps: Math.ceil(images / header.images) * header.steps.length,
    requireDecoder: (out) => {
      if (!hasPictures)
        throw noPictures(
          out,
          `${flags.model} has ${header.channels} latent channels and was exported without a decoder`,
        );
    },
    generateLatents: (onStep) => pipeline.generateLatents({ ...drawn, seed: flags.seed, signal }, onStep),
    decode: ({ latents, shape }, decoding) => pipeline.decode(latents, shape, decoding),
    describe: () => ({
      ...{ exported: name, labels, prompts, negativePrompt },
      ...{ seed: flags.seed, guidanceScale, guidanceChannels },
    }),
    [Symbol.asyncDispose]: () => pipeline.dispose(),
  };
}

function noPictures(out: string, why: string): ArgumentError {
  return new ArgumentError('out', out, `a name that ends in .npz, for arrays: ${why}`);
}

/** What is drawn: prompts or labels. */
function drawnOf(
  flags: SampleRunFlags,
  text: TextOptions,
  network: Pick<Network, 'conditions'>,
  table: LabelTable,
): TextOptions & Pick<SampleOptions, 'labels'> {
  const { labels, count } = flags;
  if (!textCondition(network)) return { ...text, labels: labelsOf(flags, table) };
  if (labels)
    throw new ArgumentError(
      'labels',
      labels,
      'no value, because the model takes prompts (--prompt or --prompts)',
    );
  const { prompts, embeddings } = text;
  if (prompts === undefined && embeddings === undefined)
    throw new ArgumentError('prompt', undefined, 'what to draw: --prompt, --prompts or --embeddings');
  if (count === undefined) return text;
  const inTurn = <T>(all: readonly T[]) => Array.from({ length: count }, (_, i) => all[i % all.length]!);
  if (!embeddings) return { ...text, prompts: inTurn([prompts!].flat()) };
  const { negative } = embeddings;
  const negatives = negative && { negative: negative.length > 1 ? inTurn(negative) : negative };
  return { ...text, embeddings: { prompts: inTurn(embeddings.prompts), ...negatives } };
}

function labelsOf({ labels, count }: SampleRunFlags, table: LabelTable): number[] {
  const { classes } = table;
  const given =
    (labels && table.findAll(labels)) ?? Array.from({ length: Math.min(classes, 10) }, (_, label) => label);
  return Array.from({ length: count ?? given.length }, (_, i) => given[i % given.length]!);
}

/** The pipeline is closed where the options are refused. */
async function disposedOnError<T>(pipeline: AsyncDisposable, make: () => T): Promise<T> {
  try {
    return make();
  } catch (error) {
    await pipeline[Symbol.asyncDispose]();
    throw error;
  }
}

/** MACs over those of the same run without a cache. */
function macRatioOf(
  { report }: SampledLatents,
  whole: { readonly stepMacs: number; readonly conditioningMacs: number },
): number {
  return report.macs / report.images / ((whole.stepMacs + whole.conditioningMacs) / report.batch);
}

function describeOptions(
  flags: SampleRunFlags,
  options: SampleOptions,
  { guidanceScale, geometry }: ResolvedOptions,
): Record<string, unknown> {
  const { weights, gatherSteps, schedule, cacheForm, cacheType, factors, recipe } = flags;
  const policy = options.cache?.policy ?? flags.policy;
  requireOneOf('policy', policy, CACHE_POLICIES);
  const { labels, prompts, negativePrompt, spacing, eta, variance, seed, guidanceChannels } = options;
  const own = parametersOf(policy);
  const parameters = Object.fromEntries(
    Object.entries(flags).filter(([name]) => (own as readonly string[]).includes(name)),
  );
  // A list of steps or a schedule stands in place of a period.
  const isPeriodic =
    !recipe &&
    own.includes('gatherSteps') &&
    !gatherSteps &&
    schedule === undefined &&
    flags.computed === undefined;
  return {
    weights,
    labels,
    prompts,
    negativePrompt,
    ...(flags.size && { size: flags.size, latents: geometry }),
    spacing,
    eta,
    variance,
    seed,
    guidanceScale,
    guidanceChannels,
    policy,
    ...(recipe !== undefined && { recipe }),
    ...parameters,
    ...(isPeriodic && { period: flags.period ?? DEFAULT_PERIODS[policy] }),
    ...(factors !== undefined && { cacheForm }),
    ...(cacheType !== undefined && { cacheType }),
  };
}
