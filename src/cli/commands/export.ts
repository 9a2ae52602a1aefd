import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { formatBytes, requireOneOf } from '../../errors.js';
import { MOST_IMAGES, type ModelHeader } from '../../export/format.js';
import { exportModel } from '../../export/modelFile.js';
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

interface ExportFlags extends CheckpointFlags, VaeFlags, OutputFlags, SamplingFlags, CacheFlags {
  readonly images: number;
  readonly activations: string;
  readonly decoder: boolean;
  readonly out: string;
}

export function registerExport(program: Command): void {
  const command = program
    .command('export')
    .description('Write a model, a sampler and a cache policy as one file, for programs in other languages.')
    .requiredOption('-o, --out <file>', 'model file, as in digits.incache')
    .option('-n, --images <n>', 'images in a batch', integer('images', 1, MOST_IMAGES), 1)
    .option('--activations <type>', 'large activations and caches: f32, bf16 or, for GPUs, f16', 'f32')
    .option('--no-decoder', 'leave the autoencoder out: programs get latents, not pictures');
  addOutputFlags(addVaeFlags(addCheckpointFlags(addCacheFlags(addSamplingFlags(command))))).action(runExport);
}

async function runExport(flags: ExportFlags): Promise<void> {
  const { out, images, activations, decoder } = flags;
  const sampling = samplingOptions(flags);
  requireOneOf('activations', activations, FLOAT_TYPES);
  requireFilePath('out', out);
  const cache = cacheOptions(flags);
  // Nothing is run; this backend is always there and takes nothing.
  await using pipeline = await loadPipeline({ ...flags, backend: 'reference' });
  const labels = new Array<number>(images).fill(0);
  const header = exportModel(pipeline, out, {
    ...sampling,
    labels,
    cache,
    activations,
    ...(!decoder && { decoder }),
  });
  const bytes = statSync(out).size;
  process.stdout.write(
    flags.json ? `${JSON.stringify(report(out, header, bytes))}\n` : summary(out, header, bytes),
  );
}

function report(out: string, { name, images, steps, plans, decoder }: ModelHeader, bytes: number) {
  const picture = decoder && [decoder.channels, decoder.height, decoder.width];
  return { out, name, images, steps: steps.length, plans: plans.length, ...(picture && { picture }), bytes };
}

function summary(out: string, { name, images, plans, decoder }: ModelHeader, bytes: number): string {
  const pictures = decoder ? `, pictures of ${decoder.height} x ${decoder.width}` : '';
  return `${out}: ${name}, images in a batch: ${images}, plans: ${plans.length}${pictures}, ${formatBytes(bytes)}\n`;
}
