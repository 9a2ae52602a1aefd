/** Options that several commands share. */
import { type Command, Option } from 'commander';
import { type DeviceOptions, WEIGHT_PRECISIONS } from '../backend/backend.js';
import { EMBEDDED_MODEL } from '../embedded.js';
import { requireOneOf } from '../errors.js';
import { requireModelFolder } from '../modelPackages.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { oneLine } from './exit.js';
import { decimal, integer } from './parse.js';
import { type TextEncoderFlags, textEncoderOptions } from './textFlags.js';

export interface CheckpointFlags {
  readonly model: string;
  readonly heads?: number;
  readonly weightsKey?: string;
  readonly variant?: string;
}

/** Options of what makes pictures from latents. */
export interface VaeFlags {
  readonly vae?: string;
  readonly scalingFactor?: number;
  readonly shiftFactor?: number;
}

export interface DeviceFlags {
  readonly backend?: string;
  readonly threads?: number;
  readonly weights?: string;
}

export interface ModelFlags extends CheckpointFlags, VaeFlags, DeviceFlags, TextEncoderFlags {}

export interface OutputFlags {
  readonly json?: boolean;
  readonly debug?: boolean;
}

export function addModelFlags(command: Command): Command {
  return addDeviceFlags(addCheckpointFlags(command));
}

export function addCheckpointFlags(command: Command): Command {
  return command
    .addOption(new Option('-m, --model <path>', MODEL).default(EMBEDDED_MODEL, 'the small model of digits'))
    .option('--heads <n>', HEADS, integer('heads', 1))
    .option('--weights-key <key>', WEIGHTS_KEY)
    .option('--variant <name>', VARIANT);
}

export const MODEL =
  'checkpoint of DiT or PixArt: a file of safetensors or PyTorch, or a folder of diffusers';
export const WEIGHTS_KEY = 'the weights in a training checkpoint, as in model (default: averaged ones, ema)';
export const VARIANT = 'files of this variant in a folder, as in fp16';

const VAE = "autoencoder of a model of latents: a file or folder (default: the model's folder vae)";

/** Description of options that take the number of attention heads. */
export const HEADS = 'attention heads, for a checkpoint whose metadata and size do not tell';

export function addVaeFlags(command: Command): Command {
  return addFactorFlags(command.option('--vae <path>', VAE));
}

/** For an autoencoder without a config.json; they come before what one says. */
export function addFactorFlags(command: Command): Command {
  return command
    .option(
      '--scaling-factor <x>',
      'scaling factor of the latents (default: of the config.json, else 0.18215 for 4 channels)',
      decimal('scaling-factor', Number.MIN_VALUE),
    )
    .option(
      '--shift-factor <x>',
      'shift factor of the latents (default: of the config.json, else 0)',
      decimal('shift-factor', Number.NEGATIVE_INFINITY),
    );
}

export function addDeviceFlags(command: Command): Command {
  return command
    .option('--backend <name>', 'backend, see incache info (default: the fastest present)')
    .option('--threads <n>', 'threads (default: one for each core)', integer('threads', 1))
    .option(
      '--weights <precision>',
      'weights on the device: f32, bf16 (native, cuda), f16 (cuda) or int8 (wasm) (default: bf16 on cuda, else f32)',
    );
}

export function addOutputFlags(command: Command): Command {
  return command
    .option('--json', 'print the result as one line of JSON')
    .option('--debug', 'print the stack traces of errors')
    .helpOption('-h, --help', 'print this help');
}

export function deviceOptions({ backend, threads, weights }: DeviceFlags): DeviceOptions & {
  readonly backend?: string;
} {
  if (weights !== undefined) requireOneOf('weights', weights, WEIGHT_PRECISIONS);
  return {
    ...(weights !== undefined && { weights }),
    ...(backend !== undefined && { backend }),
    ...(threads !== undefined && { threads }),
  };
}

export async function loadPipeline(flags: ModelFlags): Promise<Pipeline> {
  if (flags.model === EMBEDDED_MODEL) requireModelFolder('digits');
  const pipeline = await Pipeline.load(flags.model, {
    ...deviceOptions(flags),
    ...(flags.heads !== undefined && { heads: flags.heads }),
    ...(flags.vae !== undefined && { vae: flags.vae }),
    scalingFactor: flags.scalingFactor,
    shiftFactor: flags.shiftFactor,
    ...(flags.weightsKey !== undefined && { weightsKey: flags.weightsKey }),
    ...(flags.variant !== undefined && { variant: flags.variant }),
    ...textEncoderOptions(flags),
  });
  tellNotes(pipeline.checkpoint);
  return pipeline;
}

/** What was chosen when the checkpoint was opened, on stderr. */
export function tellNotes({ notes }: { readonly notes: readonly string[] }): void {
  for (const note of notes) process.stderr.write(`incache: ${oneLine(note)}\n`);
}
