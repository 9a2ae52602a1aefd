/** The engine of a page, in a worker: a pipeline, its runs, and the factors that it was given or has made. */

import { FactorSet } from '../cache/data/factorSet.js';
import { calibrate } from '../calibrate/calibrate.js';
import { loadCalibrationImages } from '../calibrate/images.js';
import { type CalibrationSource, imageSource, trajectorySource } from '../calibrate/sources.js';
import { IncacheError } from '../errors.js';
import { addBatch, errorsOf, startSums } from '../evaluate/runs/trajectoryRuns.js';
import { latentSize, networkInfo } from '../models/network.js';
import { type AnySampleOptions, resolveOptions, type SampleOptions } from '../pipeline/options.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { SampledLatents, SampleStep } from '../pipeline/result.js';
import { mountFile, unmountFile } from '../platform/browser/files.js';
import type { MessageScope } from '../platform/types.js';
import { type Methods, serveCalls } from './calls.js';
import type {
  CalibrateRequest,
  EngineMethods,
  ModelInfo,
  ModelParts,
  NextStep,
  RemoteSampleOptions,
} from './engineMethods.js';
import { fetchFile } from './fetchFile.js';
import { schedulePlan } from './schedulePlan.js';

type Run = AsyncGenerator<SampleStep, SampledLatents>;

const MODEL = '/model';
const VAE = '/vae';

let opened: Pipeline | undefined;
const runs = new Map<number, { readonly run: Run; readonly controller: AbortController }>();
const factorSets = new Map<number, FactorSet>();
let nextRun = 0;
/** Numbers of sets that are made here; those of the page are positive. */
let nextFactors = -1;

const methods: Methods<EngineMethods> = {
  async open({ model, vae, keep, options }, { signal, progress }) {
    const path = await mountParts(MODEL, model, keep, signal, progress);
    const vaePath = vae && (await mountParts(VAE, vae, keep, signal, progress));
    opened = await Pipeline.load(path, { ...options, ...(vaePath !== undefined && { vae: vaePath }) });
    return infoOf(opened);
  },

  hash: (_, { signal }) => pipeline().checkpoint.loadHash(signal),

  plan: (options) => schedulePlan(pipeline(), localOptions(options)),

  start(options) {
    const controller = new AbortController();
    const run = pipeline().sample({ ...localOptions(options), signal: controller.signal });
    runs.set(nextRun, { run, controller });
    return nextRun++;
  },

  async next(id, { signal }) {
    const entry = runs.get(id);
    if (!entry) throw new IncacheError('this run has ended');
    const abort = () => entry.controller.abort();
    signal.addEventListener('abort', abort);
    try {
      const { done, value } = await entry.run.next();
      if (done) runs.delete(id);
      return done ? { done, result: value } : { done: false, step: remoteStep(value) };
    } catch (error) {
      runs.delete(id);
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  },

  async stop(id) {
    const entry = runs.get(id);
    runs.delete(id);
    entry?.controller.abort();
    await entry?.run.return(undefined as never);
    return undefined;
  },

  async decode({ latents, shape, size }, { signal }) {
    const pictures = await pipeline().decode(latents, shape, { signal, size });
    return pictures.map(({ width, height, channels, data }) => ({ width, height, channels, data }));
  },

  async calibrate({ source, ...request }, { signal, progress }) {
    const model = pipeline();
    const set = await calibrate(model, {
      ...request,
      ...(source && { source: await sourceOf(model, source, signal) }),
      signal,
      onProgress: (done, total) => progress({ done, total }),
    });
    const id = nextFactors--;
    factorSets.set(id, set);
    return { id, set: { info: set.info, layers: set.layers } };
  },

  async errors(options, { signal, progress }) {
    const model = pipeline();
    const local = localOptions(options);
    const resolved = resolveOptions({ ...local, signal }, model.checkpoint);
    if (resolved.cache.factors) await model.checkpoint.loadHash(signal);
    const steps = startSums(model, resolved);
    const batches = Math.ceil(resolved.labels.length / resolved.batch);
    let done = 0;
    for (let first = 0; first < resolved.labels.length; first += resolved.batch)
      await addBatch(model, resolved, first, steps, () =>
        progress({ done: ++done, total: batches * steps.length }),
      );
    return errorsOf(steps);
  },

  async dispose() {
    for (const { controller } of runs.values()) controller.abort();
    runs.clear();
    factorSets.clear();
    await opened?.dispose();
    opened = undefined;
    return undefined;
  },
};

serveCalls<EngineMethods>(globalThis as unknown as MessageScope, methods);

function pipeline(): Pipeline {
  if (!opened) throw new IncacheError('this pipeline has been disposed');
  return opened;
}

async function sourceOf(
  { network }: Pipeline,
  source: NonNullable<CalibrateRequest['source']>,
  signal: AbortSignal,
): Promise<CalibrationSource> {
  if (!('images' in source)) return trajectorySource(network, source);
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

/** Mounts the files of a part and returns where its weights are: the one file, or the folder. */
async function mountParts(
  root: string,
  parts: ModelParts,
  keep: boolean,
  signal: AbortSignal,
  progress: (value: unknown) => void,
): Promise<string> {
  const names = Object.keys(parts);
  if (names.length === 0) throw new IncacheError('there are no files to open');
  for (const name of names) {
    const part = parts[name]!;
    const content =
      typeof part === 'string'
        ? await fetchFile(part, {
            keep,
            signal,
            onProgress: (done, total) => progress({ name, done, total }),
          })
        : part;
    mountFile(`${root}/${name}`, content);
  }
  if (names.length === 1) return `${root}/${names[0]}`;
  // The files of a folder that was dropped begin with its name.
  const [first, ...others] = names.map((name) => name.split('/')[0]!);
  const isFolder = names[0]!.includes('/') && others.every((other) => other === first);
  return isFolder && !names.includes(`${first}/transformer`) ? `${root}/${first}` : root;
}

function infoOf({ checkpoint, network, device, decoder }: Pipeline): ModelInfo {
  return {
    network: networkInfo(network),
    labelNames: [...checkpoint.labels.names],
    backend: device.backend,
    threads: device.threads,
    arithmetic: device.arithmetic,
    hasPictures: decoder.isPresent,
    hasAutoencoder: decoder.hasAutoencoder,
    notes: checkpoint.notes,
  };
}

/** With the factors that the page has named. */
function localOptions({ factors, ...options }: RemoteSampleOptions): SampleOptions {
  if (factors?.set) factorSets.set(factors.id, new FactorSet(factors.set.info, factors.set.layers));
  const set = factors && factorSets.get(factors.id);
  const local: AnySampleOptions = set ? { ...options, cache: { ...options.cache, factors: set } } : options;
  return local as SampleOptions;
}

function remoteStep({
  latents,
  preview: _,
  ...step
}: SampleStep): Extract<NextStep, { done: false }>['step'] {
  const values = latents();
  const { network } = pipeline();
  const { channels, height, width } = network.latents;
  return { ...step, values, shape: [values.length / latentSize(network), channels, height, width] };
}
