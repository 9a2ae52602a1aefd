/** Options that several commands share. */
import type { Command } from 'commander';
import type { WeightPrecision } from '../backend/backend.js';
import { EMBEDDED_MODEL } from '../embedded.js';
import { requireOneOf } from '../errors.js';
import { DiTPipeline } from '../pipeline/pipeline.js';
import { integer } from './parse.js';

export interface ModelFlags {
  readonly model: string;
  readonly heads?: number;
  readonly backend?: string;
  readonly threads?: number;
  readonly weights: string;
}

export interface OutputFlags {
  readonly json?: boolean;
  readonly debug?: boolean;
}

export function addModelFlags(command: Command): Command {
  return command
    .option('-m, --model <file>', 'DiT checkpoint (safetensors, official key names)', EMBEDDED_MODEL)
    .option(
      '--heads <n>',
      'attention heads, where neither metadata nor a named size tells',
      integer('heads', 1),
    )
    .option('--backend <name>', 'backend; default: the fastest present (see incache info)')
    .option('--threads <n>', 'threads; default: all cores', integer('threads', 1))
    .option('--weights <precision>', 'weights on the device: f32 or int8 (wasm: faster, less exact)', 'f32');
}

export function addOutputFlags(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON on stdout')
    .option('--debug', 'print stack traces of errors');
}

export async function loadPipeline(flags: ModelFlags): Promise<DiTPipeline> {
  const precisions: readonly WeightPrecision[] = ['f32', 'int8'];
  requireOneOf('weights', flags.weights, precisions);
  return DiTPipeline.load(flags.model, {
    weights: flags.weights,
    ...(flags.heads !== undefined && { heads: flags.heads }),
    ...(flags.backend !== undefined && { backend: flags.backend }),
    ...(flags.threads !== undefined && { threads: flags.threads }),
  });
}
