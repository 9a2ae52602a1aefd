/** Measures how the features of a model move over the steps, for coefficients that are fitted to it. */
import { basename } from 'node:path';
import { StepGrams } from '../../cache/data/stepGrams.js';
import { inputOf, outputOf } from '../../cache/fitted.js';
import { ArgumentError, requireInteger, requireObject } from '../../errors.js';
import type { Network } from '../../models/network.js';
import { type OptionNames, requireOptions } from '../../optionNames.js';
import { defaultsOf } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { VERSION } from '../../version.js';
import { measureMagnitudes } from './measureMagnitudes.js';
import { MEASURED_SAMPLING_NAMES, type MeasuredSampling } from './sampling.js';
import { StepNetwork, Trajectory } from './stepwise.js';
import { subjectsOf } from './subjects.js';
import { zeroFactors } from './zeroFactors.js';

export interface MeasureGramsOptions extends MeasuredSampling {
  /** Images, labels or prompts in turn. Default 8. */
  readonly images?: number;
  /** Whether to measure what policy `magcache` needs as well, of one image more. Default true. */
  readonly magnitudes?: boolean;
  /** Called after every step of every batch, `gramsWork` times in all. */
  readonly onStep?: () => void;
}

const GRAMS_OPTION_NAMES: OptionNames<MeasureGramsOptions> = {
  ...MEASURED_SAMPLING_NAMES,
  images: true,
  magnitudes: true,
  onStep: true,
};

const DEFAULT_IMAGES = 8;
/** Images sampled together: all steps of a batch are kept on the host. */
const BATCH = 4;
/** Elements of a feature that are kept of each step of a batch: whole tokens, spread over all images. */
const SAMPLED = 16384;

/** Times that `measureGrams` calls `onStep`. */
export function gramsWork(
  network: Network,
  { images = DEFAULT_IMAGES, magnitudes = true, steps = defaultsOf(network).steps }: MeasureGramsOptions,
): number {
  return (Math.ceil(images / BATCH) + Number(magnitudes)) * steps;
}

/**
 * Samples a few images without a cache, and takes the inner products of every linear's input and of every sublayer's output
 * between all steps, and of one image how the size of what all blocks add changes.
 */
export async function measureGrams(
  pipeline: Pipeline,
  options: MeasureGramsOptions = {},
): Promise<StepGrams> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  requireOptions('options', options, GRAMS_OPTION_NAMES);
  const { images = DEFAULT_IMAGES, magnitudes = true, onStep, ...sampling } = options;
  requireInteger('images', images, 1);
  if (typeof magnitudes !== 'boolean') throw new ArgumentError('magnitudes', magnitudes, 'true or false');
  await pipeline.checkpoint.loadHash(options.signal);
  const features = featuresOf(pipeline.network);
  const sums = new Map<string, Float64Array>();
  const trajectory = (first: number, count: number) =>
    new Trajectory(pipeline, {
      ...sampling,
      ...subjectsOf(pipeline.network, sampling, count, first),
      firstImage: first,
    });
  for (let first = 0; first < images; first += BATCH) {
    const values = await valuesOf(trajectory(first, Math.min(BATCH, images - first)), features, onStep);
    for (const [feature, steps] of values) addProducts(sums, feature, steps);
  }
  const one = trajectory(0, 1);
  const { sampler, options: resolved } = one;
  return new StepGrams(
    {
      modelHash: pipeline.checkpoint.hash,
      model: basename(pipeline.checkpoint.path),
      sampler: sampler.name,
      timesteps: [...sampler.timesteps],
      guidanceScale: resolved.guidanceScale,
      images,
      seed: resolved.seed,
      ...(magnitudes && { magnitudes: await measureMagnitudes(one, onStep) }),
      createdBy: `incache ${VERSION}`,
    },
    sums,
  );
}

/** By the name of a feature the state that a step which keeps everything leaves it in. */
function featuresOf({ layers, sublayers }: Network): Map<string, string> {
  const inputs = layers.map((layer) => inputOf(layer));
  const outputs = sublayers.flatMap(({ ends }) => ends).map((layer) => outputOf(layer));
  return new Map([...inputs, ...outputs].map((feature) => [feature, `cache.${feature}`]));
}

/** The sampled values of every feature at every step. */
async function valuesOf(
  trajectory: Trajectory,
  features: ReadonlyMap<string, string>,
  onStep: (() => void) | undefined,
): Promise<Map<string, Float32Array[]>> {
  const { pipeline } = trajectory;
  const factors = zeroFactors(pipeline);
  const values = new Map<string, Float32Array[]>();
  try {
    // Of three steps the first keeps all inputs and outputs: the third goes by a line, for which nothing is fused.
    const cache = { policy: 'calibrated', order: 1, factors, gatherSteps: [0, 1] } as const;
    using network = await StepNetwork.create(trajectory, cache, 3);
    await trajectory.sample(network, async () => {
      for (const [feature, state] of features) {
        const own = values.get(feature) ?? [];
        const read = await network.session.read(state);
        own.push(sampled(read, network.session.columns(state)));
        values.set(feature, own);
      }
      onStep?.();
    });
  } finally {
    pipeline.releaseFactors(factors);
  }
  return values;
}

/** Rows of a feature, by the golden ratio: even over images and tokens, whatever the grid. */
function sampled(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  const kept = Math.min(rows, Math.max(1, Math.floor(SAMPLED / columns)));
  if (kept === rows) return values;
  const out = new Float32Array(kept * columns);
  for (let i = 0; i < kept; i++) {
    const row = Math.floor(((i * 0.6180339887498949) % 1) * rows);
    out.set(values.subarray(row * columns, (row + 1) * columns), i * columns);
  }
  return out;
}

/** In float64: what is wanted are differences of differences of these products. */
function addProducts(sums: Map<string, Float64Array>, feature: string, steps: readonly Float32Array[]): void {
  const count = steps.length;
  const gram = sums.get(feature) ?? new Float64Array(count * count);
  for (const [a, left] of steps.entries())
    for (let b = 0; b <= a; b++) {
      const right = steps[b]!;
      let product = 0;
      for (let i = 0; i < left.length; i++) product += left[i]! * right[i]!;
      gram[a * count + b]! += product;
      if (a !== b) gram[b * count + a]! += product;
    }
  sums.set(feature, gram);
}
