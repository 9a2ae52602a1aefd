/** The options of the command line that say how a trajectory is sampled, whatever is done with it. */
import type { Command } from 'commander';
import { VARIANCES } from '../diffusion/ddpm.js';
import { ALL_SPACINGS, SAMPLER_NAMES } from '../diffusion/sampler.js';
import { requireOneOf } from '../errors.js';
import { defaultsOf, type SampleOptions } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { decimal, integer, MOST_STEPS } from './parse.js';

export interface SamplingFlags {
  readonly steps?: number;
  readonly sampler?: string;
  readonly spacing?: string;
  readonly eta?: number;
  readonly variance?: string;
  readonly guidanceScale?: number;
  readonly guidanceChannels?: number;
}

export function addSamplingFlags(command: Command): Command {
  return command
    .option(
      '--steps <n>',
      'denoising steps (default: 50, of a model of prompts 20)',
      integer('steps', 1, MOST_STEPS),
    )
    .option('--sampler <name>', `${SAMPLER_NAMES.join(', ')} (default: the model's, else ddim)`)
    .option('--spacing <kind>', `timesteps: ${ALL_SPACINGS.join(', ')} (default: the model's)`)
    .option('--eta <x>', 'noise of ddim, from 0 (deterministic) to 1 (default: 0)', decimal('eta', 0, 1))
    .option(
      '--variance <kind>',
      `variance of ddpm: ${VARIANCES.join(', ')} (default: learned where the model predicts one)`,
    )
    .option(
      '-g, --guidance-scale <s>',
      'classifier-free guidance; 1 is none (default: 1.5, of a model of prompts 4.5)',
      decimal('guidance-scale', 0),
    )
    .option(
      '--guidance-channels <n>',
      'guide only the first n channels (default: all)',
      integer('guidance-channels', 1),
    );
}

/** Steps of a run with a model. */
export function stepsOf(
  { steps }: Pick<SamplingFlags, 'steps'>,
  { network }: Pick<Pipeline, 'network'>,
): number {
  return steps ?? defaultsOf(network).steps;
}

export function samplingOptions(
  flags: SamplingFlags,
): Pick<SampleOptions, keyof SamplingFlags & keyof SampleOptions> {
  const { steps, sampler, spacing, eta, variance, guidanceScale, guidanceChannels } = flags;
  if (sampler !== undefined) requireOneOf('sampler', sampler, SAMPLER_NAMES);
  if (spacing !== undefined) requireOneOf('spacing', spacing, ALL_SPACINGS);
  if (variance !== undefined) requireOneOf('variance', variance, VARIANCES);
  return {
    ...(steps !== undefined && { steps }),
    ...(guidanceScale !== undefined && { guidanceScale }),
    ...(sampler !== undefined && { sampler }),
    ...(spacing !== undefined && { spacing }),
    ...(eta !== undefined && { eta }),
    ...(variance !== undefined && { variance }),
    ...(guidanceChannels !== undefined && { guidanceChannels }),
  };
}
