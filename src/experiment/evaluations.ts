/** Measures the quality and the cost of configurations, all against the same uncached images. */
import { join } from 'node:path';
import { isGated } from '../cache/cachePolicy.js';
import { type EvaluationReport, evaluateModel } from '../evaluate/runs/evaluateModel.js';
import type { CacheOptions } from '../pipeline/options.js';
import { type Configuration, uncached } from './configuration.js';
import type { Advance, ExperimentContext, Measurement, Row } from './experiment.js';
import { fileName } from './measurementStore.js';
import { Preparation } from './preparation.js';

export const EVALUATIONS = 'evaluations';

/** For every seed the uncached run, whose samples are kept, and then every configuration. */
export function evaluationMeasurements(
  context: ExperimentContext,
  configurations: readonly Configuration[],
): Measurement[] {
  const whole = uncached(context.sampling);
  const all = [whole, ...configurations];
  const preparation = new Preparation(context, all);
  return context.seeds.flatMap((seed) =>
    all.map((configuration) => ({
      ...evaluationMeasurement(context, preparation, configuration, seed),
      ...(configuration !== whole && { after: nameOf(whole, seed) }),
    })),
  );
}

function evaluationMeasurement(
  context: ExperimentContext,
  preparation: Preparation,
  configuration: Configuration,
  seed: number,
): Measurement {
  const steps = configuration.steps ?? context.sampling.steps;
  return {
    name: nameOf(configuration, seed),
    table: EVALUATIONS,
    key: { ...configuration, seed },
    work: context.images * steps + preparation.work(configuration),
    measure: (advance) =>
      preparation.use(configuration, seed, advance, async (cache) => {
        const report = await evaluate(context, configuration, seed, cache, advance);
        return [rowOf(configuration, seed, steps, report)];
      }),
  };
}

function nameOf({ name }: Configuration, seed: number): string {
  return `${name} seed ${seed}`;
}

async function evaluate(
  context: ExperimentContext,
  configuration: Configuration,
  seed: number,
  cache: CacheOptions,
  advance: Advance,
): Promise<EvaluationReport> {
  const { pipeline, images, batch, sampling, text, judge, folder, signal } = context;
  const samples = join(folder, `uncached-seed${seed}.float32`);
  return evaluateModel(pipeline, {
    ...sampling,
    ...text,
    ...(configuration.steps !== undefined && { steps: configuration.steps }),
    images,
    seed,
    batch,
    cache,
    // Latents have no PSNR.
    ...(pipeline.decoder.hasAutoencoder && { pictures: true }),
    ...(configuration.family === 'uncached' ? { samples } : { compare: samples }),
    ...(judge && { extractor: judge.extractor }),
    ...(judge?.reference && { reference: judge.reference }),
    ...(judge?.reference?.rows && { precisionRecall: true }),
    folder: join(folder, 'runs', fileName(nameOf(configuration, seed))),
    ...(signal && { signal }),
    onStep: () => advance(isGated(cache.policy) ? 1 : batch),
  });
}

function rowOf(
  { name, family, parameters }: Configuration,
  seed: number,
  steps: number,
  report: EvaluationReport,
): Row {
  return {
    configuration: name,
    family,
    ...parameters,
    seed,
    steps,
    gmac: report.macsPerImage / 1e9,
    gigabytes: report.bytesPerImage === undefined ? null : report.bytesPerImage / 1e9,
    psnr: report.psnr ?? null,
    ssim: report.ssim ?? null,
    relativeL2: report.relativeL2 ?? null,
    frechet: report.frechet ?? null,
    spatialFrechet: report.spatialFrechet ?? null,
    inceptionScore: report.inceptionScore?.mean ?? null,
    accuracy: report.accuracy ?? null,
    precision: report.precision ?? null,
    recall: report.recall ?? null,
  };
}
