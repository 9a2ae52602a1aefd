/** Samplers from the configuration of a diffusers scheduler (`scheduler_config.json`). */
import { ArgumentError } from '../errors.js';
import { ddim } from './ddim.js';
import { type DdpmOptions, ddpm, type Variance } from './ddpm.js';
import { dpmSolver, SOLVER_ALGORITHMS } from './dpmSolver.js';
import { euler } from './euler.js';
import type { ProcessStep } from './noiseSchedule.js';
import { PARAMETERIZATIONS, type Parameterization } from './parameterization.js';
import type { SamplerName, SamplerStep } from './sampler.js';
import { SchedulerFields } from './schedulerFields.js';
import {
  type SigmaSchedule,
  sigmaAt,
  spreadSigmas,
  timestepOf,
  trainingSigmas,
  wholeTimestepOf,
} from './sigmas.js';
import { roundHalfEven, SPACINGS, type Spacing, solverTimesteps, spacedTimesteps } from './spacing.js';
import { alphasOf } from './trainingProcess.js';

/** The fields of a `scheduler_config.json`, as they stand there. */
export type SchedulerConfig = Readonly<Record<string, unknown>>;

/** What a run may ask for in place of what the configuration says. */
export interface SchedulerRequest {
  readonly steps: number;
  readonly eta: number;
  readonly variance?: Variance | undefined;
  readonly spacing?: Spacing | undefined;
  /** Whether the network predicts a variance too. */
  readonly predictsVariance: boolean;
}

export interface SchedulerTable {
  readonly steps: SamplerStep[];
  /** Standard deviation of the noise that sampling starts from, in the scale of the latents. */
  readonly initialScale: number;
  readonly needsVariance: boolean;
}

/** diffusers' name for each sampler. */
const CLASSES: Readonly<Record<SamplerName, string>> = {
  ddim: 'DDIMScheduler',
  ddpm: 'DDPMScheduler',
  'dpm++2m': 'DPMSolverMultistepScheduler',
  euler: 'EulerDiscreteScheduler',
};

/** Below this number of steps diffusers takes the last one of DPM-Solver at first order, the one before at most at second. */
const LOWER_ORDER_FINAL_BELOW = 15;

const WHAT = 'scheduler';

/** The sampler that a configuration is for. Throws an `ArgumentError` for a class that there is no sampler for. */
export function samplerOfScheduler(config: SchedulerConfig): SamplerName {
  const name = config._class_name;
  const found = Object.entries(CLASSES).find(([, className]) => className === name);
  if (!found)
    throw new ArgumentError(`${WHAT}._class_name`, name, `one of ${Object.values(CLASSES).join(', ')}`);
  return found[0] as SamplerName;
}

/**
 * The table of a sampler by a configuration that may be of another one: then, as diffusers' `from_config` does, what the
 * configuration spells out is kept and the rest has the defaults of the sampler's own class. But x0 is clipped only where
 * the configuration says so or is of this class: latents are not in [-1, 1].
 *
 * Throws an `ArgumentError` that names the field for one that is not what it must be or asks for what is not supported,
 * and for steps that the process does not have.
 */
export function schedulerTable(
  config: SchedulerConfig,
  sampler: SamplerName,
  request: SchedulerRequest,
): SchedulerTable {
  const own = config._class_name === CLASSES[sampler];
  const fields = new SchedulerFields(WHAT, config);
  fields.refuse('thresholding', 'use_exponential_sigmas', 'use_beta_sigmas', 'use_flow_sigmas');
  switch (sampler) {
    case 'ddim':
      return ddimTable(fields, own, request);
    case 'ddpm':
      return ddpmTable(fields, own, request);
    case 'dpm++2m':
      return solverTable(fields, request);
    case 'euler':
      return eulerTable(fields, request);
  }
}

function ddimTable(fields: SchedulerFields, own: boolean, request: SchedulerRequest): SchedulerTable {
  const process = processSteps(fields, request);
  const options = { eta: request.eta, predicts: parameterizationOf(fields), clip: clipOf(fields, own) };
  return { steps: ddim(process, options), initialScale: 1, needsVariance: false };
}

function ddpmTable(fields: SchedulerFields, own: boolean, request: SchedulerRequest): SchedulerTable {
  const variance = request.variance ?? varianceOf(fields, own, request.predictsVariance);
  const options: DdpmOptions = { variance, predicts: parameterizationOf(fields), clip: clipOf(fields, own) };
  const steps = ddpm(processSteps(fields, request), options);
  return { steps, initialScale: 1, needsVariance: variance === 'learned' };
}

function varianceOf(fields: SchedulerFields, own: boolean, predictsVariance: boolean): Variance {
  if (!own && !fields.has('variance_type')) return predictsVariance ? 'learned' : 'fixed-large';
  const types = ['fixed_small', 'fixed_small_log', 'fixed_large', 'learned_range'] as const;
  switch (fields.choice('variance_type', types, 'fixed_small')) {
    case 'fixed_large':
      return 'fixed-large';
    case 'learned_range':
      return 'learned';
    default:
      return 'fixed-small';
  }
}

/** Every step of DDIM and DDPM leads as far back as the process has steps a sampler's step, whatever the spacing. */
function processSteps(fields: SchedulerFields, request: SchedulerRequest): ProcessStep[] {
  const alphas = alphasOf(fields, false);
  const final = fields.boolean('set_alpha_to_one', true) ? 1 : alphas[0]!;
  if (alphas.at(-1) === 0 && parameterizationOf(fields) === 'epsilon')
    throw new ArgumentError(`${WHAT}.rescale_betas_zero_snr`, true, 'false where the noise is predicted');
  const stride = Math.floor(alphas.length / request.steps);
  return timestepsOf(fields, request, alphas.length, 'leading').map((place) => {
    const timestep = roundHalfEven(place);
    const next = timestep - stride;
    return { timestep, alpha: alphas[timestep]!, alphaNext: next >= 0 ? alphas[next]! : final };
  });
}

function timestepsOf(
  fields: SchedulerFields,
  { steps, spacing }: SchedulerRequest,
  trainSteps: number,
  fallback: Spacing,
): number[] {
  return spacedTimesteps(spacingOf(fields, spacing, fallback), {
    steps,
    trainSteps,
    offset: offsetOf(fields),
  });
}

function solverTable(fields: SchedulerFields, request: SchedulerRequest): SchedulerTable {
  const algorithm = fields.choice('algorithm_type', SOLVER_ALGORITHMS, 'dpmsolver++');
  const order = fields.integer('solver_order', 2, 1, algorithm === 'sde-dpmsolver++' ? 2 : 3);
  const alphas = alphasOf(fields, true);
  const sigmas = trainingSigmas(alphas);
  const { steps } = request;
  const final = finalSigmaOf(fields, sigmas);
  if (algorithm === 'dpmsolver' && final === 0)
    throw new ArgumentError(
      `${WHAT}.final_sigmas_type`,
      'zero',
      'sigma_min for algorithm_type dpmsolver, which cannot end without noise',
    );
  const points = solverLevels(fields, request, sigmas).map(({ timestep, sigma }) => pointOf(timestep, sigma));
  const lowerEnd = fields.boolean('lower_order_final', true) && steps < LOWER_ORDER_FINAL_BELOW;
  const firstOrderEnd = fields.boolean('euler_at_final', false) || lowerEnd || final === 0;
  const table = dpmSolver([...points, pointOf(0, final)], {
    predicts: parameterizationOf(fields),
    type: fields.choice('solver_type', ['midpoint', 'heun'], 'midpoint'),
    algorithm,
    order: (step) => {
      if (firstOrderEnd && step === steps - 1) return 1;
      return lowerEnd && step === steps - 2 ? Math.min(order, 2) : order;
    },
  });
  return { steps: table, initialScale: 1, needsVariance: false };
}

/** The timestep and the noise level of every step of DPM-Solver++. */
function solverLevels(fields: SchedulerFields, request: SchedulerRequest, sigmas: Float64Array) {
  const { steps } = request;
  const schedule = sigmaScheduleOf(fields, ['training', 'karras', 'lu']);
  if (schedule !== 'training') {
    const least = fields.number('sigma_min', sigmas[0]!, 0);
    const most = fields.number('sigma_max', sigmas.at(-1)!, 0);
    return spreadSigmas(schedule, steps, most, least).map((sigma) => ({
      timestep: wholeTimestepOf(sigma, sigmas),
      sigma,
    }));
  }
  const spacing = spacingOf(fields, request.spacing, 'linspace');
  // Timesteps whose log-SNR lies below this are left out.
  const lowest = fields.number('lambda_min_clipped', Number.NEGATIVE_INFINITY);
  const last = sigmas.findLastIndex((sigma) => -Math.log(sigma) >= lowest) + 1;
  const options = { steps, trainSteps: sigmas.length, offset: offsetOf(fields) };
  return solverTimesteps(spacing, options, last).map((timestep) => ({ timestep, sigma: sigmas[timestep]! }));
}

function pointOf(timestep: number, sigma: number) {
  const alpha = 1 / Math.hypot(sigma, 1);
  return { timestep, alpha, sigma: sigma * alpha };
}

function eulerTable(fields: SchedulerFields, request: SchedulerRequest): SchedulerTable {
  fields.choice('interpolation_type', ['linear'], 'linear');
  fields.choice('timestep_type', ['discrete'], 'discrete');
  const sigmas = trainingSigmas(alphasOf(fields, true));
  const timesteps = timestepsOf(fields, request, sigmas.length, 'linspace');
  let points = timesteps.map((timestep) => ({ timestep, sigma: sigmaAt(sigmas, timestep) }));
  if (sigmaScheduleOf(fields, ['training', 'karras']) === 'karras') {
    const most = fields.number('sigma_max', points[0]!.sigma, 0);
    const least = fields.number('sigma_min', points.at(-1)!.sigma, 0);
    points = spreadSigmas('karras', request.steps, most, least).map((sigma) => ({
      timestep: timestepOf(sigma, sigmas),
      sigma,
    }));
  }
  // diffusers starts `leading` with the deviation of x0 + sigma noise, the other spacings with that of the noise alone.
  const { sigma } = points[0]!;
  const isLeading = spacingOf(fields, request.spacing, 'linspace') === 'leading';
  return {
    steps: euler(points, finalSigmaOf(fields, sigmas), parameterizationOf(fields)),
    initialScale: isLeading ? 1 : sigma / Math.hypot(sigma, 1),
    needsVariance: false,
  };
}

function parameterizationOf(fields: SchedulerFields): Parameterization {
  return fields.choice('prediction_type', PARAMETERIZATIONS, 'epsilon');
}

function spacingOf(fields: SchedulerFields, asked: Spacing | undefined, fallback: Spacing): Spacing {
  return asked ?? fields.choice('timestep_spacing', SPACINGS, fallback);
}

function offsetOf(fields: SchedulerFields): number {
  return fields.integer('steps_offset', 0, 0, 1e5);
}

function clipOf(fields: SchedulerFields, own: boolean): number | undefined {
  return fields.boolean('clip_sample', own) ? fields.number('clip_sample_range', 1, 0) : undefined;
}

function finalSigmaOf(fields: SchedulerFields, sigmas: Float64Array): number {
  return fields.choice('final_sigmas_type', ['zero', 'sigma_min'], 'zero') === 'zero' ? 0 : sigmas[0]!;
}

function sigmaScheduleOf<T extends SigmaSchedule>(fields: SchedulerFields, known: readonly T[]): T {
  const asked = (['karras', 'lu'] as const).filter((name) =>
    fields.boolean(`use_${name}_${name === 'lu' ? 'lambdas' : 'sigmas'}`, false),
  );
  const [schedule = 'training'] = asked;
  if (!(known as readonly string[]).includes(schedule))
    throw new ArgumentError(`${WHAT}.use_lu_lambdas`, true, 'false: this sampler has no such levels');
  return schedule as T;
}
