/** The noise of a training process, from the fields of a scheduler's configuration. */
import { ArgumentError, requireNumber } from '../errors.js';
import type { SchedulerFields } from './schedulerFields.js';
import { linspace } from './spacing.js';

/** The last product of a process that is rescaled to end without signal, for solvers that divide by it. */
const NEARLY_ZERO = 2 ** -24;

const MOST_STEPS = 1e5;

/** Offset of the cosine schedule (Nichol and Dhariwal 2021, section 3.2), and the largest beta. */
const COSINE_OFFSET = 0.008;
const MOST_BETA = 0.999;

/**
 * Cumulative products of 1 - beta for every training timestep. divides: whether the solver divides by the last of them.
 * Throws an `ArgumentError` that names the field.
 */
export function alphasOf(fields: SchedulerFields, divides: boolean): Float64Array {
  const alphas = singleAlphas(betasOf(fields));
  if (!fields.boolean('rescale_betas_zero_snr', false)) return alphas;
  rescale(alphas);
  if (divides) alphas[alphas.length - 1] = NEARLY_ZERO;
  return alphas;
}

/**
 * As PyTorch computes them: factors in single precision, their product in double, rounded where it is kept. Near the end of
 * sampling, where 1 - alpha is small, this shows: the last sigma of the usual process differs by 8e-5 of itself.
 */
function singleAlphas(betas: Float64Array): Float64Array {
  let product = 1;
  return betas.map((beta) => {
    product *= Math.fround(1 - Math.fround(beta));
    return Math.fround(product);
  });
}

function betasOf(fields: SchedulerFields): Float64Array {
  const given = fields.numbers('trained_betas');
  if (given) {
    for (const [i, beta] of given.entries()) requireNumber(`${fields.what}.trained_betas[${i}]`, beta, 0, 1);
    return Float64Array.from(given);
  }
  const steps = fields.integer('num_train_timesteps', 1000, 2, MOST_STEPS);
  const start = fields.number('beta_start', 1e-4, 0, 1);
  const end = fields.number('beta_end', 0.02, 0, 1);
  switch (fields.choice('beta_schedule', ['linear', 'scaled_linear', 'squaredcos_cap_v2'], 'linear')) {
    case 'linear':
      return Float64Array.from(linspace(start, end, steps));
    case 'scaled_linear':
      return Float64Array.from(linspace(Math.sqrt(start), Math.sqrt(end), steps), (root) => root ** 2);
    case 'squaredcos_cap_v2':
      return Float64Array.from({ length: steps }, (_, i) =>
        Math.min(MOST_BETA, 1 - cosine((i + 1) / steps) / cosine(i / steps)),
      );
  }
}

function cosine(time: number): number {
  return Math.cos((((time + COSINE_OFFSET) / (1 + COSINE_OFFSET)) * Math.PI) / 2) ** 2;
}

/** Ends the process without signal and leaves its beginning as it is (Lin et al. 2024, algorithm 1). */
function rescale(alphas: Float64Array): void {
  const first = Math.sqrt(alphas[0]!);
  const last = Math.sqrt(alphas[alphas.length - 1]!);
  if (first === last) throw new ArgumentError('rescale_betas_zero_snr', true, 'false: the betas are all 0');
  for (const [i, alpha] of alphas.entries())
    alphas[i] = (((Math.sqrt(alpha) - last) * first) / (first - last)) ** 2;
}
