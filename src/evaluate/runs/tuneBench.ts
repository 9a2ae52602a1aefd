/** What tuning measures with: images without a cache, fits, factors, and what each candidate did so far. */
import { cpus } from 'node:os';
import type { FactorSet } from '../../cache/data/factorSet.js';
import type { StepGrams } from '../../cache/data/stepGrams.js';
import { calibrate } from '../../calibrate/calibrate.js';
import { median } from '../../median.js';
import type { CacheOptions, SampleOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { SampledLatents } from '../../pipeline/result.js';
import { psnr } from '../metrics/psnr.js';
import { measureGrams } from './measureGrams.js';
import { ownTrajectories } from './ownTrajectories.js';
import { StepTimes } from './stepTimes.js';
import { subjectsOf } from './subjects.js';
import type { TuneSampling } from './tune.js';
import { type Candidate, candidateRanks } from './tuneCandidates.js';
import { type CandidateRecord, IDENTICAL, type TuneStore } from './tuneStore.js';

/** Trajectories that factors for increments of their own are made from. */
const OWN_TRAJECTORIES = 16;
/** Images sampled together where the options do not say. */
export const DEFAULT_BATCH = 16;

/** Steps without a cache that tell how fast the machine is when a candidate runs. */
const REFERENCE_STEPS = 2;

export class TuneBench {
  readonly records: Map<string, CandidateRecord>;
  readonly #pipeline: Pipeline;
  readonly #sampling: TuneSampling;
  readonly #store: TuneStore | undefined;
  /** Of the first images of the seed without a cache: planes of pictures, or of latents where there is no autoencoder. */
  readonly #whole: Float32Array[] = [];
  readonly #factors = new Map<string, FactorSet>();
  #macs = 0;
  #fits: StepGrams | undefined;
  /** Seconds that a uncached image takes with all that belongs to it. */
  #imageSeconds = 0;

  constructor(pipeline: Pipeline, sampling: TuneSampling, store: TuneStore | undefined) {
    this.#pipeline = pipeline;
    this.#sampling = sampling;
    this.#store = store;
    this.records = new Map(store?.records);
    this.#fits = store?.fits();
  }

  get fits(): StepGrams | undefined {
    return this.#fits;
  }

  /** Seconds that an image takes without a cache, its picture included. Known after the first. */
  get imageSeconds(): number {
    return this.#imageSeconds;
  }

  /** Images first to `images` - 1 without a cache, as far as they are not there. */
  async extendWhole(images: number): Promise<void> {
    const first = this.#whole.length;
    if (first >= images) return;
    const started = performance.now();
    const result = await this.#sample(first, images - first, undefined, undefined);
    this.#whole.push(...(await this.#planesOf(result)));
    this.#macs = result.report.macs / (images - first);
    const { setupMilliseconds } = result.report;
    this.#imageSeconds = (performance.now() - started - setupMilliseconds) / 1000 / (images - first);
  }

  /** Coefficients are of images of another seed than those that are measured. */
  async makeFits(images: number): Promise<void> {
    const { batch: _batch, ...sampling } = this.#sampling;
    this.#fits = await measureGrams(this.#pipeline, {
      ...sampling,
      seed: sampling.seed + 1,
      images,
      magnitudes: false,
    });
    this.#store?.keepFits(this.#fits);
  }

  /** Samples a candidate until it has so many images, the same as without a cache. */
  async measure(candidate: Candidate, images: number, signal?: AbortSignal): Promise<void> {
    const before = this.records.get(candidate.name);
    const first = before?.psnrs.length ?? 0;
    if (first >= images) return;
    await this.extendWhole(images);
    const cache = await this.#cacheOf(candidate, signal);
    const uncached = await this.#referenceMilliseconds(images - first, signal);
    const result = await this.#sample(first, images - first, cache, signal);
    const planes = await this.#planesOf(result);
    const { macs, memory } = result.report;
    this.#keep(candidate.name, {
      psnrs: [
        ...(before?.psnrs ?? []),
        ...planes.map((own, i) => finite(psnr(own, this.#whole[first + i]!))),
      ],
      macs: macs / (images - first) / this.#macs,
      milliseconds: (before?.milliseconds ?? 0) + result.milliseconds,
      uncachedMilliseconds: (before?.uncachedMilliseconds ?? 0) + uncached,
      cacheBytes: memory.cache,
      ratios: before?.ratios ?? [],
    });
  }

  /**
   * The times of candidates over that of a run without a cache, all in turn, so that they meet the same machine; of images that
   * are measured already.
   */
  async time(candidates: readonly Candidate[], images: number, signal?: AbortSignal): Promise<number[]> {
    const caches: (CacheOptions | undefined)[] = [undefined];
    for (const candidate of candidates) caches.push(await this.#cacheOf(candidate, signal));
    const times: number[] = [];
    for (const cache of caches) times.push((await this.#sample(0, images, cache, signal)).milliseconds);
    return candidates.map((_, i) => times[i + 1]! / times[0]!);
  }

  /** `rounds`: what `time` gave. */
  keepRatios(candidates: readonly Candidate[], rounds: readonly (readonly number[])[]): void {
    for (const [i, { name }] of candidates.entries()) {
      const record = this.records.get(name)!;
      this.#keep(name, { ...record, ratios: [...record.ratios, ...rounds.map((ratios) => ratios[i]!)] });
    }
  }

  /** What a run with the candidate takes beside its parameters. */
  async partsOf(candidate: Candidate, signal?: AbortSignal) {
    const factors = await this.#factorsOf(candidate, signal);
    return { ...(factors && { factors }), ...(candidate.fits && { fits: this.#fits! }) };
  }

  #keep(name: string, record: CandidateRecord): void {
    this.records.set(name, record);
    this.#store?.keepRecords(this.records);
  }

  async #cacheOf(candidate: Candidate, signal: AbortSignal | undefined): Promise<CacheOptions> {
    return { ...candidate.parameters, ...(await this.partsOf(candidate, signal)) } as CacheOptions;
  }

  /** With the time of its steps (`StepTimes`). */
  async #sample(
    first: number,
    count: number,
    cache: CacheOptions | undefined,
    signal: AbortSignal | undefined,
  ): Promise<SampledLatents & { readonly milliseconds: number }> {
    const times = new StepTimes();
    const options = this.#optionsOf(first, count, cache, signal);
    const sampled = await this.#pipeline.generateLatents(options, (step) => times.add(step));
    return { ...sampled, milliseconds: times.milliseconds };
  }

  /** What so many images would take without a cache, by the second step and those after it. Step 0 makes the conditioning of all. */
  async #referenceMilliseconds(count: number, signal: AbortSignal | undefined): Promise<number> {
    const options = this.#optionsOf(0, count, undefined, signal);
    const times: number[] = [];
    let steps = 1;
    for await (const step of this.#pipeline.sample(options)) {
      steps = step.steps;
      if (step.index > 0 || steps === 1) times.push(step.milliseconds);
      if (step.index === REFERENCE_STEPS) break;
    }
    return (median(times) * steps * count) / options.batch!;
  }

  #optionsOf(
    first: number,
    count: number,
    cache: CacheOptions | undefined,
    signal: AbortSignal | undefined = this.#sampling.signal,
  ): SampleOptions {
    const { network } = this.#pipeline;
    return {
      ...this.#sampling,
      ...subjectsOf(network, this.#sampling, count, first),
      firstImage: first,
      batch: Math.min(this.#sampling.batch ?? DEFAULT_BATCH, count),
      ...(signal && { signal }),
      ...(cache && { cache }),
    };
  }

  /** Image by image. */
  async #planesOf({ latents, shape }: SampledLatents): Promise<Float32Array[]> {
    const { decoder, device } = this.#pipeline;
    const planes = decoder.isPresent ? await decoder.planes(device, latents, shape) : latents;
    const size = planes.length / shape[0];
    return Array.from({ length: shape[0] }, (_, i) => planes.slice(i * size, (i + 1) * size));
  }

  /** Made once, of the highest rank, and cut down for the candidates that share them. */
  async #factorsOf(
    { factors: choice, parameters }: Candidate,
    signal?: AbortSignal,
  ): Promise<FactorSet | undefined> {
    if (!choice) return undefined;
    const { method, rank } = choice;
    const { period, terms, computed } = parameters;
    const key = [method, ...(method === 'svd' ? [] : [period, terms, computed])].join();
    const known = this.#factors.get(key);
    if (known) return known.truncated(rank);
    const { batch: _batch, signal: own, ...sampling } = this.#sampling;
    const given = signal ?? own;
    const data =
      method === 'svd'
        ? undefined
        : await ownTrajectories(this.#pipeline, {
            ...sampling,
            ...(given && { signal: given }),
            count: OWN_TRAJECTORIES,
            seed: sampling.seed + 2,
            fits: this.#fits!,
            ...(period !== undefined && { period }),
            ...(terms !== undefined && { terms }),
            ...(computed !== undefined && { computed }),
          });
    const made = await calibrate(this.#pipeline, {
      method,
      rank: candidateRanks(this.#pipeline.network).high,
      ...(data && { source: data.source }),
      ...(given && { signal: given }),
    });
    this.#factors.set(key, made);
    return made.truncated(rank);
  }
}

/** Records are kept as JSON, which has no infinity. */
function finite(decibels: number): number {
  return Math.min(decibels, IDENTICAL);
}

/** As in `AMD EPYC, 2 processors`. */
export function machineName(): string {
  const processors = cpus();
  return `${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} processors`;
}
