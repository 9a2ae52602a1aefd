/** The run as incache takes it: the sampler's loop of the pipeline, with guidance, under each cache policy. */
import type { Device, DeviceOptions, DeviceWeights } from '../../src/backend/backend.js';
import { openDevice } from '../../src/backend/choose.js';
import { createSampler } from '../../src/diffusion/sampler.js';
import { DenoisingSession } from '../../src/engine/session.js';
import { ditNetwork } from '../../src/models/dit/network.js';
import { denoiseBatch } from '../../src/pipeline/batch.js';
import type { SampleStep } from '../../src/pipeline/result.js';
import { labelConditions } from '../../src/pipeline/sequences.js';
import type { Absent } from '../peer.js';
import { type Opened, type RunContender, TOLERANCE } from './contender.js';
import {
  GUIDANCE_SCALE,
  type Policy,
  type RunProblem,
  runPlan,
  STEPS,
  type StepInputs,
  secondStep,
  withRank,
} from './problem.js';

const FULL: Policy = { policy: 'none', period: 1 };

/** A twenty-fourth of the hidden size of a DiT-S: what caching saves where the increments cost next to nothing. */
const NARROW = 16;

/** In the order of the table. */
export const POLICIES: readonly Policy[] = [
  FULL,
  { policy: 'reuse', period: 2 },
  { policy: 'calibrated', period: 2 },
  { policy: 'calibrated', period: 3 },
  { policy: 'calibrated', period: 2, rank: NARROW },
];

type Options = DeviceOptions & { readonly threads: number; readonly weights: 'f32' | 'bf16' };

/** On one device, with each policy. */
export async function ours(
  problem: RunProblem,
  backend: 'native' | 'wasm',
  options: Options,
): Promise<Opened | Absent> {
  const name = `incache ${backend} ${options.weights}`;
  const device = await openDevice(backend, options).catch((error: Error) => error);
  if (device instanceof Error) return { name, absent: device.message };
  const load = (run: RunProblem) => device.loadWeights({ read: (tensor) => run.tensor(tensor).data });
  const weights = load(problem);
  const contenders: RunContender[] = [];
  for (const policy of POLICIES) {
    const run = policy.rank === undefined ? problem : withRank(problem, policy.rank);
    const session = await openSession(run, policy, device, run === problem ? weights : load(run));
    const { plan } = session;
    const take = (steps: number) => takeSteps(run, session, steps);
    contenders.push({
      name: policy === FULL ? name : `${name}, ${nameOf(policy)}`,
      threads: device.threads,
      isPeer: false,
      replaces: policy === FULL ? undefined : name,
      loop: backend === 'wasm' ? 'wasm' : `native ${options.weights}`,
      flops: 2 * (plan.stepMacs + plan.conditioningMacs),
      planOfStep: plan.courses.map(([node]) => node!.plan),
      tolerance: TOLERANCE[options.weights],
      take: async (steps) => (await take(steps)).map(({ milliseconds }) => milliseconds),
      prediction: async () => {
        await take(2);
        return session.read('prediction');
      },
    });
  }
  return { name, contenders, [Symbol.asyncDispose]: () => device.dispose() };
}

function nameOf({ policy, period, rank }: Policy): string {
  return `${policy} p = ${period}${rank === undefined ? '' : `, r = ${rank}`}`;
}

/** What peers are given for the second step, from a run in WebAssembly, which is always there. */
export async function secondStepInputs(problem: RunProblem): Promise<StepInputs> {
  const device = await openDevice('wasm', {});
  try {
    const weights = device.loadWeights({ read: (name) => problem.tensor(name).data });
    const session = await openSession(problem, FULL, device, weights);
    const [first] = await takeSteps(problem, session, 1);
    const width = ditNetwork(problem.config).tableWidth;
    return secondStep(problem, first!.latents, await session.read('modulation'), width);
  } finally {
    await device.dispose();
  }
}

export function openSession(problem: RunProblem, policy: Policy, device: Device, weights: DeviceWeights) {
  return DenoisingSession.create(device, weights, runPlan(problem, policy, device.activations));
}

interface TakenStep extends Pick<SampleStep, 'milliseconds'> {
  /** Of the images, after it. */
  readonly latents: Float32Array;
}

export async function takeSteps(
  { config, labels, noise }: RunProblem,
  session: DenoisingSession,
  count: number,
): Promise<TakenStep[]> {
  const network = ditNetwork(config);
  const run = denoiseBatch({
    network,
    session,
    sampler: createSampler('ddim', { steps: STEPS }),
    conditions: labelConditions(network, labels),
    guidanceScale: GUIDANCE_SCALE,
    guidanceChannels: config.inChannels,
    latents: noise.slice(),
    noise: () => new Float32Array(noise.length),
  });
  const taken: TakenStep[] = [];
  for await (const { milliseconds, latents } of run)
    if (taken.push({ milliseconds, latents: latents() }) === count) break;
  return taken;
}
