import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { ArgumentError, formatBytes, requireOneOf } from '../../errors.js';
import { MOST_IMAGES, type ModelHeader } from '../../export/format.js';
import { type ExportOptions, exportModel } from '../../export/modelFile.js';
import type { Geometry } from '../../models/network.js';
import { loadEmbeddings } from '../../pipeline/text/embeddings.js';
import { FLOAT_TYPES } from '../../plan/types.js';
import { addCacheFlags, type CacheFlags, cacheOptions } from '../cacheFlags.js';
import { requireFilePath } from '../outputPath.js';
import { integer } from '../parse.js';
import { addSamplingFlags, type SamplingFlags, samplingOptions } from '../samplingFlags.js';
import {
  addCheckpointFlags,
  addOutputFlags,
  addVaeFlags,
  type CheckpointFlags,
  loadPipeline,
  type OutputFlags,
  type VaeFlags,
} from '../shared.js';
import { addSizeFlag, addTextEncoderFlags, type TextEncoderFlags } from '../textFlags.js';

interface ExportFlags
  extends CheckpointFlags,
    VaeFlags,
    OutputFlags,
    SamplingFlags,
    CacheFlags,
    TextEncoderFlags {
  readonly images: number;
  readonly activations: string;
  readonly decoder: boolean;
  readonly size?: Geometry;
  readonly resolutionBinning: boolean;
  readonly negativePrompt?: string;
  readonly embeddings?: string;
  readonly out: string;
}

export function register(program: Command): void {
  const command = program
    .command('export')
    .description('Write a model, a sampler and a cache policy as one file, for programs in other languages.')
    .requiredOption('-o, --out <file>', 'model file, as in digits.incache')
    .option('-n, --images <n>', 'images in a batch', integer('images', 1, MOST_IMAGES), 1)
    .option('--activations <type>', 'large activations and caches: f32, bf16 or, for GPUs, f16', 'f32')
    .option('--no-decoder', 'leave the autoencoder out: programs get latents, not pictures');
  addSizeFlag(addTextEncoderFlags(command))
    .option(
      '--negative-prompt <text>',
      'what pictures should not show, stored in the file (default: an empty text)',
    )
    .option('--embeddings <file>', 'take it from a file: its negative_prompt_embeds');
  addOutputFlags(addVaeFlags(addCheckpointFlags(addCacheFlags(addSamplingFlags(command))))).action(runExport);
}

async function runExport(flags: ExportFlags): Promise<void> {
  const { out, images, activations, decoder, size, resolutionBinning } = flags;
  const sampling = samplingOptions(flags);
  requireOneOf('activations', activations, FLOAT_TYPES);
  requireFilePath('out', out);
  const cache = cacheOptions(flags);
  const negativePrompt = negativeOf(flags);
  await using pipeline = await loadPipeline(flags);
  const header = await exportModel(pipeline, out, {
    ...sampling,
    ...size,
    ...(resolutionBinning ? {} : { resolutionBinning }),
    images,
    cache,
    activations,
    ...(negativePrompt !== undefined && { negativePrompt }),
    ...(!decoder && { decoder }),
  });
  const bytes = statSync(out).size;
  process.stdout.write(
    flags.json ? `${JSON.stringify(report(out, header, bytes))}\n` : summary(out, header, bytes),
  );
}

function negativeOf({ negativePrompt, embeddings }: ExportFlags): ExportOptions['negativePrompt'] {
  if (embeddings === undefined) return negativePrompt;
  if (negativePrompt !== undefined)
    throw new ArgumentError('embeddings', embeddings, 'no value beside --negative-prompt');
  const { negative = [] } = loadEmbeddings(embeddings);
  if (negative.length !== 1)
    throw new ArgumentError('embeddings', embeddings, 'a file whose negative_prompt_embeds are of one text');
  return negative[0];
}

function report(out: string, { name, images, steps, plans, decoder }: ModelHeader, bytes: number) {
  const picture = decoder && [decoder.channels, decoder.height, decoder.width];
  return { out, name, images, steps: steps.length, plans: plans.length, ...(picture && { picture }), bytes };
}

function summary(out: string, { name, images, plans, decoder }: ModelHeader, bytes: number): string {
  const pictures = decoder ? `, pictures of ${decoder.height} x ${decoder.width}` : '';
  return `${out}: ${name}, images in a batch: ${images}, plans: ${plans.length}${pictures}, ${formatBytes(bytes)}\n`;
}
