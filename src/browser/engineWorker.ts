/** The engine of a page, in a worker: a pipeline, its runs, and the factors that it was given or has made. */

import type { FactorSet } from '../cache/data/factorSet.js';
import { IncacheError } from '../errors.js';
import { latentSize, networkInfo } from '../models/network.js';
import type { AnyCacheOptions, SampleOptions } from '../pipeline/options.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { SampledLatents, SampleStep } from '../pipeline/result.js';
import { mountFile } from '../platform/browser/files.js';
import { withParts } from '../platform/browser/parts.js';
import type { MessageScope } from '../platform/types.js';
import { type Methods, serveCalls } from './calls.js';
import type { EngineMethods, ModelInfo, ModelParts, NextStep, RemoteSampleOptions } from './engineMethods.js';
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

  async plan(options) {
    const local = await localOptions(options);
    return withParts(() => schedulePlan(pipeline(), local));
  },

  async start(options) {
    const controller = new AbortController();
    const local = await localOptions(options);
    const run = pipeline().sample({ ...local, signal: controller.signal });
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

  async calibrate(request, context) {
    const { calibrateModel } = await import('./calibration.js');
    const set = await calibrateModel(pipeline(), request, context);
    const id = nextFactors--;
    factorSets.set(id, set);
    return { id, set: { info: set.info, layers: set.layers } };
  },

  async errors(options, context) {
    const { measureErrors } = await import('./calibration.js');
    const local = await localOptions(options);
    return withParts(() => measureErrors(pipeline(), local, context));
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

/** With what the page has made the cache with. */
async function localOptions({
  factors,
  fits,
  recipe,
  ...options
}: RemoteSampleOptions): Promise<SampleOptions> {
  if (!factors && !fits && !recipe) return options as SampleOptions;
  const { factorsOf, fitsOf, recipeOf } = await import('./portableCache.js');
  if (factors?.set) factorSets.set(factors.id, factorsOf(factors.set));
  const set = factors && factorSets.get(factors.id);
  const own = fits && fitsOf(fits);
  const made: AnyCacheOptions = {
    ...(set && { factors: set }),
    ...(own && { fits: own }),
    ...(recipe && { recipe: recipeOf(recipe, set, own) }),
  };
  return { ...options, cache: { ...options.cache, ...made } } as SampleOptions;
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
