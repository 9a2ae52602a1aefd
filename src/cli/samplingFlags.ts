/** The options of the command line that say how a trajectory is sampled, whatever is done with it. */
import type { Command } from 'commander';
import { SAMPLER_NAMES } from '../diffusion/sampler.js';
import { requireOneOf } from '../errors.js';
import type { SampleOptions } from '../pipeline/options.js';
import { decimal, integer, MOST_STEPS } from './parse.js';

export interface SamplingFlags {
  readonly steps: number;
  readonly sampler: string;
  readonly eta?: number;
  readonly variance?: string;
  readonly guidanceScale: number;
  readonly guidanceChannels?: number;
}

const VARIANCES = ['learned', 'fixed-large'] as const;

export function addSamplingFlags(command: Command): Command {
  return command
    .option('--steps <n>', 'denoising steps', integer('steps', 1, MOST_STEPS), 50)
    .option('--sampler <name>', SAMPLER_NAMES.join(', '), 'ddim')
    .option('--eta <x>', 'noise of ddim, from 0 (deterministic) to 1 (default: 0)', decimal('eta', 0, 1))
    .option('--variance <kind>', `variance of ddpm: ${VARIANCES.join(', ')} (default: learned)`)
    .option(
      '-g, --guidance-scale <s>',
      'classifier-free guidance; 1 is none',
      decimal('guidance-scale', 0),
      1.5,
    )
    .option(
      '--guidance-channels <n>',
      'guide only the first n channels (default: all)',
      integer('guidance-channels', 1),
    );
}

export function samplingOptions(flags: SamplingFlags): Omit<SampleOptions, 'labels'> {
  const { steps, sampler, eta, variance, guidanceScale, guidanceChannels } = flags;
  requireOneOf('sampler', sampler, SAMPLER_NAMES);
  if (variance !== undefined) requireOneOf('variance', variance, VARIANCES);
  return {
    steps,
    sampler,
    guidanceScale,
    ...(eta !== undefined && { eta }),
    ...(variance !== undefined && { variance }),
    ...(guidanceChannels !== undefined && { guidanceChannels }),
  };
}
