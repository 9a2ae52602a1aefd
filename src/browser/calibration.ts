/** What measures a model in the worker of its engine: calibration, and where a cached run leaves the full one. */
import type { FactorSet } from '../cache/data/factorSet.js';
import { calibrate } from '../calibrate/calibrate.js';
import { loadCalibrationImages } from '../calibrate/images.js';
import { type CalibrationSource, imageSource } from '../calibrate/sources.js';
import { ownTrajectories } from '../evaluate/runs/ownTrajectories.js';
import { addBatch, errorsOf, startSums } from '../evaluate/runs/trajectoryRuns.js';
import type { SampleOptions } from '../pipeline/options.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { mountFile, unmountFile } from '../platform/browser/files.js';
import type { CallContext } from './calls.js';
import type { CalibrateRequest, StepErrors } from './engineMethods.js';
import { fetchFile } from './fetchFile.js';

export async function calibrateModel(
  pipeline: Pipeline,
  { source, ...request }: CalibrateRequest,
  { signal, progress }: CallContext,
): Promise<FactorSet> {
  return calibrate(pipeline, {
    ...request,
    ...(source && { source: await sourceOf(pipeline, source, signal) }),
    signal,
    onProgress: (done, total) => progress({ done, total }),
  });
}

export async function measureErrors(
  pipeline: Pipeline,
  options: SampleOptions,
  { signal, progress }: CallContext,
): Promise<StepErrors[]> {
  const resolved = pipeline.resolve({ ...options, signal });
  if (resolved.cache.factors) await pipeline.checkpoint.loadHash(signal);
  const steps = startSums(pipeline, resolved);
  const total = Math.ceil(resolved.images / resolved.batch) * steps.length;
  let done = 0;
  for (let first = 0; first < resolved.images; first += resolved.batch)
    await addBatch(pipeline, resolved, first, steps, () => progress({ done: ++done, total }));
  return errorsOf(steps);
}

/** Images, as in the paper. */
const DEFAULT_COUNT = 256;

async function sourceOf(
  pipeline: Pipeline,
  source: NonNullable<CalibrateRequest['source']>,
  signal: AbortSignal,
): Promise<CalibrationSource> {
  if (!('images' in source))
    return (await ownTrajectories(pipeline, { count: DEFAULT_COUNT, ...source, signal })).source;
  const { network } = pipeline;
  const { images: given, ...options } = source;
  const images = typeof given === 'string' ? await fetchFile(given, { signal }) : given;
  const path = `/calibration/${nameOf(given)}`;
  mountFile(path, images);
  try {
    return imageSource(network, { ...options, ...loadCalibrationImages(path, network) });
  } finally {
    unmountFile(path);
  }
}

/** Name of the file or address; its end tells the format. */
function nameOf(images: Blob | string): string {
  if (typeof images !== 'string') return (images as Partial<File>).name ?? 'images.safetensors';
  return new URL(images).pathname.split('/').at(-1)!;
}
