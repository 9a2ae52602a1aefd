import type { Device, WeightPrecision, WeightSource } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { stepActions } from '../../src/cache/policy.js';
import { Schedule, scheduleLayers } from '../../src/cache/schedule.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { planSession } from '../../src/engine/sessionPlan.js';
import type { Actions, CacheForm } from '../../src/models/layers/actions.js';
import type { Network } from '../../src/models/network.js';
import { computeAll } from '../../src/models/stepPlans.js';
import type { FloatType } from '../../src/plan/types.js';

/** A network evaluated with explicit timesteps and labels, for comparison with recorded evaluations. */
export interface Denoiser {
  evaluate(
    step: number,
    latents: Float32Array,
    timesteps: readonly number[],
    labels: readonly number[],
  ): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface DenoiserOptions {
  readonly backend: string;
  readonly threads?: number;
  readonly network: Network;
  readonly weights: WeightSource;
  readonly sequences: number;
  readonly steps: readonly Actions[];
  readonly form?: CacheForm;
  readonly rank?: number;
  /** How the device keeps weights; default `f32`. */
  readonly precision?: WeightPrecision;
  /** Default `f32`. */
  readonly activations?: FloatType;
}

/** Opens a device of its own and a session on it; every sequence has its own row of conditioning. */
export async function openDenoiser(options: DenoiserOptions): Promise<Denoiser> {
  const device: Device = await openDevice(options.backend, {
    threads: options.threads ?? 2,
    weights: options.precision ?? 'f32',
  });
  const weights = device.loadWeights(options.weights);
  const { sequences, steps } = options;
  const form = options.form ?? 'input';
  const plan = planSession(options.network, {
    sequences,
    conditions: sequences,
    steps,
    form,
    rank: () => options.rank ?? 0,
    activations: options.activations ?? 'f32',
  });
  const session = await DenoisingSession.create(device, weights, plan);
  const rows = Int32Array.from({ length: sequences }, (_, i) => i);
  return {
    async evaluate(step, latents, timesteps, labels) {
      await session.condition(
        timesteps.map((timestep, i) => ({ timestep, conditions: { labels: [labels[i]!] } })),
      );
      return session.evaluate(step, latents, rows);
    },
    async dispose() {
      session.dispose();
      weights.dispose();
      await device.dispose();
    },
  };
}

/** Actions of a trajectory with period p. */
export function periodic(
  network: Network,
  steps: number,
  period: number,
  scatter: 'reuse' | 'calibrate',
): Actions[] {
  const schedule = Schedule.fromPeriod(scheduleLayers(network, 'sublayer'), steps, period);
  return stepActions(network, schedule, () => scatter);
}

/** Actions of one uncached evaluation. */
export function uncached(network: Network): Actions[] {
  return [computeAll(network)];
}
