import type { Command } from 'commander';
import { formatBytes, requireOneOf } from '../../errors.js';
import { CONVERTED_TYPES, type ConvertReport, convertModel } from '../../export/convert.js';
import { interruptSignal } from '../exit.js';
import { requireFilePath } from '../outputPath.js';
import { integer } from '../parse.js';
import { startEstimatedProgress } from '../progress.js';
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
import { counted } from '../table.js';

interface ConvertFlags extends OutputFlags {
  readonly out: string;
  readonly type?: string;
  readonly heads?: number;
  readonly vae?: boolean;
  readonly weightsKey?: string;
  readonly variant?: string;
  readonly scalingFactor?: number;
  readonly shiftFactor?: number;
}

export function register(program: Command): void {
  const command = program
    .command('convert')
    .description("Write a model of any form as one safetensors file with its original code's names.")
    .argument('<model>', `${MODEL}; or an autoencoder`)
    .requiredOption('-o, --out <file>', 'the file to write, as in dit.safetensors')
    .option('--type <type>', `type of all tensors: ${CONVERTED_TYPES.join(', ')} (default: as they are)`)
    .option('--vae', 'the autoencoder of the model instead of its network')
    .option('--heads <n>', HEADS, integer('heads', 1))
    .option('--weights-key <key>', WEIGHTS_KEY)
    .option('--variant <name>', VARIANT);
  addOutputFlags(addFactorFlags(command)).action(runConvert);
}

async function runConvert(model: string, flags: ConvertFlags): Promise<void> {
  const { out, type, heads, weightsKey, variant, vae, json, scalingFactor, shiftFactor } = flags;
  if (type !== undefined) requireOneOf('type', type, CONVERTED_TYPES);
  requireFilePath('out', out);
  const progress = startEstimatedProgress('writing', json === true);
  const started = performance.now();
  try {
    const report = await convertModel(model, out, {
      ...(type !== undefined && { type }),
      ...(heads !== undefined && { heads }),
      ...(weightsKey !== undefined && { weightsKey }),
      ...(variant !== undefined && { variant }),
      ...(vae !== undefined && { vae }),
      scalingFactor,
      shiftFactor,
      signal: interruptSignal(),
      onTensor: (bytes, total) => {
        const seconds = (performance.now() - started) / 1000;
        const left = seconds < 2 ? undefined : (seconds / bytes) * (total - bytes);
        progress.set(bytes / total, left, `${formatBytes(bytes)} of ${formatBytes(total)}`);
      },
    });
    progress.stop();
    tellNotes(report);
    process.stdout.write(json ? `${JSON.stringify({ out, ...report })}\n` : summary(out, report));
  } finally {
    progress.stop();
  }
}

function summary(out: string, { family, layout, tensors, types, bytes }: ConvertReport): string {
  return `${out}: ${family}, ${counted(tensors, 'tensor')} (${Object.keys(types).join(', ')}) from names of ${layout}, ${formatBytes(bytes)}\n`;
}
