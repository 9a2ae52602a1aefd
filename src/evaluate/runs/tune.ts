/** Finds, by measuring on this machine, the cache policy that meets a budget best on a model. */
import { cpus } from 'node:os';
import { basename } from 'node:path';
import type { FactorSet } from '../../cache/data/factorSet.js';
import type { StepGrams } from '../../cache/data/stepGrams.js';
import { calibrate } from '../../calibrate/calibrate.js';
import { trajectorySource } from '../../calibrate/sources.js';
import { ArgumentError, IncacheError, requireInteger, requireNumber, requireObject } from '../../errors.js';
import { labelsInTurn } from '../../models/network.js';
import { type OptionNames, requireOptions } from '../../optionNames.js';
import { SAMPLE_OPTION_NAMES, type SampleOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { Recipe, type RecipeMeasurement } from '../../pipeline/recipe.js';
import type { SampledLatents } from '../../pipeline/result.js';
import { VERSION } from '../../version.js';
import { meanPsnr } from '../metrics/psnr.js';
import { measureGrams } from './measureGrams.js';
import { type Candidate, tuneCandidates } from './tuneCandidates.js';
import { TuneStore } from './tuneStore.js';

/** The most time or MACs, as shares of those of a run without a cache, or the least PSNR, in dB, to its images. */
export type TuneBudget =
  | { readonly kind: 'time' | 'macs'; readonly most: number }
  | { readonly kind: 'psnr'; readonly least: number };

export interface TuneOptions
  extends Omit<SampleOptions, 'labels' | 'noise' | 'cache' | 'firstImage' | 'perImage'> {
  readonly budget: TuneBudget;
  /** That every candidate samples, labels in turn. Default 16. */
  readonly images?: number;
  /** No candidate is begun after so many seconds. Default 600. */
  readonly seconds?: number;
  /** Keeps what is measured; where there is something already, goes on with it. */
  readonly folder?: string;
  /** Called after every candidate. `trial` is undefined where it could not be had, for the reason given. */
  readonly onTrial?: (name: string, trial: Trial | undefined, reason?: string) => void;
}

/** What a candidate was measured to cost and lose; see `RecipeMeasurement`. */
export type Trial = { readonly name: string } & Pick<
  RecipeMeasurement,
  'psnr' | 'macs' | 'time' | 'cacheBytes'
>;

export interface TuneResult {
  readonly recipe: Recipe;
  readonly chosen: Trial;
  /** All that were tried; where they are on the front, no other has as much quality for less. */
  readonly trials: readonly (Trial & { readonly onFront: boolean })[];
  /** Candidates that the time did not suffice for. */
  readonly untried: readonly string[];
}

const {
  labels: _labels,
  noise: _noise,
  cache: _cache,
  firstImage: _firstImage,
  perImage: _perImage,
  ...SAMPLING
} = SAMPLE_OPTION_NAMES;
const TUNE_OPTION_NAMES: OptionNames<TuneOptions> = {
  ...SAMPLING,
  budget: true,
  images: true,
  seconds: true,
  folder: true,
  onTrial: true,
};

/** Rounds in which the best are timed again, each beside a run without a cache. */
const ROUNDS = 3;
const FINALISTS = 3;
/** Trajectories that factors for increments of their own are made from. */
const OWN_TRAJECTORIES = 16;

/**
 * Tries the candidates one after another, each on the same images and beside a run without a cache, and returns the one that
 * meets the budget best as a recipe. Coefficients and factors are made from images of other seeds. Throws an `ArgumentError`
 * where no candidate meets the budget, with the nearest to it.
 */
export async function tune(pipeline: Pipeline, options: TuneOptions): Promise<TuneResult> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  requireOptions('options', options, TUNE_OPTION_NAMES);
  const { budget, images = 16, seconds = 600, folder, onTrial, ...sampling } = options;
  requireBudget(budget);
  requireInteger('images', images, 1);
  requireNumber('seconds', seconds, 0);
  const started = performance.now();
  const bench = await TuningBench.create(pipeline, sampling, images, folder);
  const untried: string[] = [];
  for (const candidate of bench.candidates) {
    if ((performance.now() - started) / 1000 > seconds && bench.trials.size > 0) {
      untried.push(candidate.name);
      continue;
    }
    await bench.try(candidate, onTrial);
  }
  const finalists = bestFirst([...bench.trials.values()], budget).slice(0, FINALISTS);
  if (finalists.length === 0) throw unmet(budget, [...bench.trials.values()]);
  for (const { name } of finalists) await bench.timeAgain(name);
  const again = finalists.map(({ name }) => bench.trials.get(name)!);
  const chosen = bestFirst(again, budget)[0] ?? bestFirst([...bench.trials.values()], budget)[0];
  if (!chosen) throw unmet(budget, [...bench.trials.values()]);
  const trials = [...bench.trials.values()];
  return {
    recipe: await bench.recipeOf(chosen),
    chosen,
    trials: trials.map((trial) => ({ ...trial, onFront: isOnFront(trial, trials, budget) })),
    untried,
  };
}

/** Those that meet the budget: of the most quality first, or, where quality is what is asked for, of the least time. */
export function bestFirst(trials: readonly Trial[], budget: TuneBudget): Trial[] {
  if (budget.kind === 'psnr')
    return trials.filter(({ psnr }) => psnr >= budget.least).sort((a, b) => a.time - b.time);
  return trials
    .filter((trial) => trial[budget.kind] <= budget.most)
    .sort((a, b) => b.psnr - a.psnr || a.cacheBytes - b.cacheBytes);
}

function isOnFront(trial: Trial, all: readonly Trial[], { kind }: TuneBudget): boolean {
  const cost = kind === 'macs' ? 'macs' : 'time';
  return !all.some((other) => other.psnr > trial.psnr && other[cost] <= trial[cost]);
}

function requireBudget(budget: TuneBudget): void {
  requireObject('budget', budget, 'a share of time or MACs, or a PSNR');
  if (budget.kind === 'psnr') requireNumber('budget psnr', budget.least, 0);
  else if (budget.kind === 'time' || budget.kind === 'macs')
    requireNumber(`budget ${budget.kind}`, budget.most, 0, 1);
  else throw new ArgumentError('budget', budget, 'of time, macs or psnr');
}

function unmet(budget: TuneBudget, trials: readonly Trial[]): ArgumentError {
  const cost = budget.kind === 'psnr' ? 'psnr' : budget.kind;
  const nearest = [...trials].sort((a, b) => (cost === 'psnr' ? b.psnr - a.psnr : a[cost] - b[cost]))[0];
  const said = nearest
    ? `${nearest.name} is the nearest: ${nearest.time.toFixed(3)} of the time, ${nearest.macs.toFixed(3)} of the MACs, ${nearest.psnr.toFixed(1)} dB`
    : 'no candidate could be tried';
  const given = budget.kind === 'psnr' ? budget.least : budget.most;
  return new ArgumentError(`budget ${budget.kind}`, given, `one that a candidate meets; ${said}`);
}

type Sampling = Omit<TuneOptions, 'budget' | 'images' | 'seconds' | 'folder' | 'onTrial'>;

/** The images, the fits and what has been measured. */
class TuningBench {
  readonly candidates: readonly Candidate[];
  readonly trials = new Map<string, Trial>();
  readonly #factors = new Map<string, FactorSet>();

  private constructor(
    readonly pipeline: Pipeline,
    readonly sampling: SampleOptions & {
      readonly seed: number;
      readonly steps: number;
      readonly labels: readonly number[];
    },
    readonly whole: SampledLatents,
    readonly fits: StepGrams,
    readonly store: TuneStore | undefined,
  ) {
    const { steps } = sampling;
    this.candidates = tuneCandidates(pipeline.network, steps);
    for (const [name, trial] of store?.trials ?? []) this.trials.set(name, trial);
  }

  static async create(
    pipeline: Pipeline,
    sampling: Sampling,
    images: number,
    folder: string | undefined,
  ): Promise<TuningBench> {
    const { seed = 0, steps = 50 } = sampling;
    const modelHash = await pipeline.checkpoint.loadHash(sampling.signal);
    const run = { ...sampling, seed, steps, labels: labelsInTurn(pipeline.network, images) };
    const { signal: _signal, ...described } = run;
    const { backend, threads, arithmetic } = pipeline.device;
    const key = JSON.stringify({
      modelHash,
      described,
      backend,
      threads,
      arithmetic,
      machine: machineName(),
    });
    const store = folder === undefined ? undefined : new TuneStore(folder, key);
    const whole = await pipeline.generateLatents(run);
    const { batch: _batch, ...measured } = sampling;
    const fits = store?.fits() ?? (await measureGrams(pipeline, { ...measured, steps, seed: seed + 1 }));
    store?.keepFits(fits);
    return new TuningBench(pipeline, run, whole, fits, store);
  }

  async try(candidate: Candidate, onTrial: TuneOptions['onTrial']): Promise<void> {
    const { name } = candidate;
    let reason: string | undefined;
    if (!this.trials.has(name))
      try {
        const { psnr, macs, cacheBytes, time } = await this.#measure(candidate);
        this.#keep({ name, psnr, macs, time, cacheBytes });
      } catch (error) {
        if (!(error instanceof IncacheError) || this.sampling.signal?.aborted) throw error;
        reason = error.message;
      }
    onTrial?.(name, this.trials.get(name), reason);
  }

  /** The median of some rounds more. */
  async timeAgain(name: string): Promise<void> {
    const candidate = this.#candidate(name);
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push((await this.#measure(candidate)).time);
    times.sort((a, b) => a - b);
    this.#keep({ ...this.trials.get(name)!, time: times[Math.floor(ROUNDS / 2)]! });
  }

  async recipeOf({ name, psnr, macs, time, cacheBytes }: Trial): Promise<Recipe> {
    const { pipeline, sampling, fits, whole } = this;
    const candidate = this.#candidate(name);
    const { checkpoint, device } = pipeline;
    const factors = await this.#factorsOf(candidate);
    return new Recipe({
      info: {
        modelHash: checkpoint.hash,
        model: basename(checkpoint.path),
        sampler: whole.report.sampler,
        steps: whole.report.steps,
        guidanceScale: sampling.guidanceScale ?? 1.5,
        measured: {
          psnr,
          macs,
          time,
          cacheBytes,
          images: sampling.labels.length,
          seed: sampling.seed,
          batch: whole.report.batch,
          backend: device.backend,
          threads: device.threads,
          machine: machineName(),
        },
        createdBy: `incache ${VERSION}`,
      },
      parameters: candidate.parameters,
      ...(factors && { factors }),
      ...(candidate.fits && { fits }),
    });
  }

  /** Beside a run without a cache, so that both meet the same machine. */
  async #measure(candidate: Candidate): Promise<Trial> {
    const { pipeline, sampling, whole, fits } = this;
    const factors = await this.#factorsOf(candidate);
    const cache = { ...candidate.parameters, ...(factors && { factors }), ...(candidate.fits && { fits }) };
    const beside = await pipeline.generateLatents(sampling);
    const { latents, report } = await pipeline.generateLatents({
      ...sampling,
      cache: cache as NonNullable<SampleOptions['cache']>,
    });
    return {
      name: candidate.name,
      psnr: meanPsnr(latents, whole.latents, sampling.labels.length),
      macs: report.macs / whole.report.macs,
      time: report.milliseconds / beside.report.milliseconds,
      cacheBytes: report.memory.cache,
    };
  }

  #keep(trial: Trial): void {
    this.trials.set(trial.name, trial);
    this.store?.keepTrials(this.trials);
  }

  #candidate(name: string): Candidate {
    return this.candidates.find((candidate) => candidate.name === name)!;
  }

  /** Made once for the candidates that share them. */
  async #factorsOf({ factors: choice, parameters }: Candidate): Promise<FactorSet | undefined> {
    if (!choice) return undefined;
    const { method, rank } = choice;
    const key = `${method} ${rank} ${method === 'svd' ? '' : JSON.stringify(parameters)}`;
    const known = this.#factors.get(key);
    if (known) return known;
    const { pipeline, sampling, fits } = this;
    const { steps, seed, guidanceScale, signal } = sampling;
    const { period, terms, computed } = parameters;
    const source = trajectorySource(pipeline.network, {
      count: OWN_TRAJECTORIES,
      steps,
      seed: seed + 2,
      fits,
      ...(guidanceScale !== undefined && { guidanceScale }),
      ...(period !== undefined && { period }),
      ...(terms !== undefined && { terms }),
      ...(computed !== undefined && { computed }),
    });
    const made = await calibrate(pipeline, {
      method,
      rank,
      ...(method !== 'svd' && { source }),
      ...(signal && { signal }),
    });
    this.#factors.set(key, made);
    return made;
  }
}

/** As in `AMD EPYC, 2 processors`. */
export function machineName(): string {
  const processors = cpus();
  return `${processors[0]?.model.trim() ?? 'unknown'}, ${processors.length} processors`;
}
