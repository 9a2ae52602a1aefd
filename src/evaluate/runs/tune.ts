/** Finds, by measuring on this machine, the cache policy that meets a budget best on a model. */
import { basename } from 'node:path';
import { ArgumentError, IncacheError, requireInteger, requireNumber, requireObject } from '../../errors.js';
import { type OptionNames, requireOptions } from '../../optionNames.js';
import { SAMPLE_OPTION_NAMES, type SampleOptions } from '../../pipeline/options.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import { Recipe } from '../../pipeline/recipe.js';
import { VERSION } from '../../version.js';
import { subjectsKey, subjectsOf } from './subjects.js';
import { DEFAULT_BATCH, machineName, TuneBench } from './tuneBench.js';
import { type Candidate, tuneCandidates } from './tuneCandidates.js';
import { RESERVED, TuneClock } from './tuneClock.js';
import { TuneStore } from './tuneStore.js';
import { bestFirst, isOnFront, nearestFirst, standing, type Trial, trialOf } from './tuneTrials.js';

/** The most time or MACs, as shares of those of a run without a cache, or the least PSNR, in dB, to its images. */
export type TuneBudget =
  | { readonly kind: 'time' | 'macs'; readonly most: number }
  | { readonly kind: 'psnr'; readonly least: number };

export interface TuneOptions
  extends Omit<SampleOptions, 'labels' | 'noise' | 'cache' | 'firstImage' | 'perImage'> {
  readonly budget: TuneBudget;
  /** Where no candidate meets the budget, take the one that comes nearest to it. Default false. */
  readonly nearest?: boolean;
  /** That the last candidates sample at most, labels or prompts in turn; the time decides how many they are. Default 64. */
  readonly images?: number;
  /** For everything; what is begun in time ends in it, but for one image of one candidate. Default 600. */
  readonly seconds?: number;
  /** Keeps what is measured; where there is something already, goes on with it. */
  readonly folder?: string;
  /** Called after every measurement of a candidate. `trial` is undefined where it could not be had, for the reason given. */
  readonly onTrial?: (name: string, trial: Trial | undefined, reason?: string) => void;
}

export interface TuneResult {
  readonly recipe: Recipe;
  readonly chosen: Trial;
  /** Whether it meets the budget, and is not only the nearest to it. */
  readonly meetsBudget: boolean;
  /** All that were tried; where they are on the front, no other has as much quality for less. */
  readonly trials: readonly (Trial & { readonly onFront: boolean })[];
  /** Candidates that the time did not suffice for. */
  readonly untried: readonly string[];
}

/** Options of sampling, with what a tuning needs to know of them. */
export type TuneSampling = Omit<SampleOptions, 'labels' | 'noise' | 'cache' | 'firstImage' | 'perImage'> & {
  readonly seed: number;
};

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
  nearest: true,
  images: true,
  seconds: true,
  folder: true,
  onTrial: true,
};

/** Rounds in which the finalists are timed, at most. */
const ROUNDS = 5;
const FINALISTS = 3;
/** Shares of the time: of the first look at all candidates, of fits, and the most that factors of a kind may take. */
const [FIRST_SHARE, FITS_SHARE, FACTORS_SHARE] = [0.25, 0.1, 0.2];
/** Images that coefficients are fitted to, and those without which they are not; of an image, what keeping its features adds. */
const [MOST_FITTED, LEAST_FITTED, FITTED_COST] = [8, 2, 1.5];

/**
 * Successive halving (Jamieson and Talwalkar, arXiv 1502.07943): all candidates sample a few images, as many as the time allows;
 * the better half of them as many more, and so on. The last ones are timed in turn with a run without a cache, and the one that
 * meets the budget best is returned as a recipe. Coefficients and factors are made from images of other seeds. Throws an
 * `ArgumentError` where no candidate meets the budget, with the nearest to it, unless that is asked for.
 */
export async function tune(pipeline: Pipeline, options: TuneOptions): Promise<TuneResult> {
  requireObject('pipeline', pipeline?.checkpoint, 'a Pipeline');
  requireOptions('options', options, TUNE_OPTION_NAMES);
  const { budget, nearest = false, images = 64, seconds = 600, folder, onTrial, seed = 0, ...rest } = options;
  requireBudget(budget);
  if (typeof nearest !== 'boolean') throw new ArgumentError('nearest', nearest, 'true or false');
  requireInteger('images', images, 1);
  requireNumber('seconds', seconds, 0);
  const sampling = { ...rest, seed };
  using clock = new TuneClock(seconds, sampling.signal);
  const bench = new TuneBench(pipeline, sampling, await openStore(pipeline, sampling, folder));
  // Awaited here, since the clock stops at the end of this function.
  return await new Tuning(pipeline, sampling, bench, clock, budget, onTrial).run(images, seconds, nearest);
}

class Tuning {
  readonly #candidates: readonly Candidate[];
  /** Seconds that candidates took, over those that their share of the MACs predicts. */
  #slowness = 1;
  /** Seconds that factors of a kind took, once they were made; infinite of those that took too long. */
  readonly #preparation = new Map<string, number>();

  constructor(
    readonly pipeline: Pipeline,
    readonly sampling: TuneSampling,
    readonly bench: TuneBench,
    readonly clock: TuneClock,
    readonly budget: TuneBudget,
    readonly onTrial: TuneOptions['onTrial'],
  ) {
    const { steps } = pipeline.resolve({ ...sampling, ...subjectsOf(pipeline.network, sampling, 1) });
    this.#candidates = tuneCandidates(pipeline.network, steps);
  }

  async run(most: number, seconds: number, takesNearest: boolean): Promise<TuneResult> {
    const { bench, budget, clock } = this;
    await bench.extendWhole(1);
    await this.#fit(seconds);
    const usable = this.#candidates.filter(({ fits }) => !fits || bench.fits);
    const shares = usable.reduce((sum, candidate) => sum + shareOf(candidate), 1);
    const perImage = shares * bench.imageSeconds;
    let images = Math.max(1, Math.min(most, Math.floor((FIRST_SHARE * seconds) / perImage)));
    let left = await this.#measureAll(usable, images);
    while (images < most && left.length > 1 && clock.has(images * bench.imageSeconds)) {
      images = Math.min(most, 2 * images);
      const count = Math.max(FINALISTS, Math.ceil(left.length / 2));
      left = await this.#measureAll(this.#standing(left, count), images);
    }
    const finalists = this.#standing(left, FINALISTS);
    if (finalists.length === 0) throw unmet(budget, this.#trials());
    const batch = this.#timedImages(finalists, seconds);
    await this.#time(finalists, batch);
    const trials = this.#trials();
    const timed = trials.filter(({ name }) => finalists.some((candidate) => candidate.name === name));
    const best = bestFirst(timed, budget)[0] ?? bestFirst(trials, budget)[0];
    if (!best && !takesNearest) throw unmet(budget, trials);
    const chosen = best ?? nearestFirst(timed, budget)[0]!;
    return {
      recipe: await this.#recipeOf(chosen, batch),
      chosen,
      meetsBudget: best !== undefined,
      trials: trials.map((trial) => ({ ...trial, onFront: isOnFront(trial, trials, budget) })),
      untried: this.#candidates.flatMap(({ name }) => (bench.records.has(name) ? [] : [name])),
    };
  }

  /** Where they would take too much of the time, candidates that need them are left out. */
  async #fit(seconds: number): Promise<void> {
    const { bench } = this;
    if (bench.fits) return;
    const affordable = Math.floor((FITS_SHARE * seconds) / (FITTED_COST * bench.imageSeconds));
    if (affordable >= LEAST_FITTED) await bench.makeFits(Math.min(MOST_FITTED, affordable));
  }

  /** Those of which there are figures then, of so many images or of fewer where the time did not suffice. */
  async #measureAll(candidates: readonly Candidate[], images: number): Promise<Candidate[]> {
    for (const candidate of candidates) await this.#measure(candidate, images);
    return candidates.filter(({ name }) => this.bench.records.has(name));
  }

  async #measure(candidate: Candidate, images: number): Promise<void> {
    const { bench, clock, sampling } = this;
    const { name } = candidate;
    const missing = images - (bench.records.get(name)?.psnrs.length ?? 0);
    const known = bench.records.get(name);
    if (known && missing <= 0) return this.onTrial?.(name, trialOf(name, known));
    const isFirst = bench.records.size === 0;
    const sampled = missing * shareOf(candidate) * bench.imageSeconds;
    const preparing = candidate.factors ? (this.#preparation.get(candidate.factors.method) ?? 0) : 0;
    if (!isFirst && !clock.has(preparing + this.#slowness * sampled)) return;
    // The first candidate is measured however long it takes.
    const signal = isFirst ? sampling.signal : clock.signal;
    let reason: string | undefined;
    try {
      if (!(await this.#makeFactors(candidate, signal)))
        return this.onTrial?.(
          name,
          undefined,
          `factors by ${candidate.factors!.method} take too much of the time`,
        );
      const prepared = clock.elapsed;
      await bench.measure(candidate, isFirst ? 1 : images, signal);
      if (missing > 0)
        this.#slowness = Math.max(1, (this.#slowness + (clock.elapsed - prepared) / sampled) / 2);
    } catch (error) {
      if (sampling.signal?.aborted) throw error;
      if (clock.isOver) return;
      if (!(error instanceof IncacheError)) throw error;
      reason = error.message;
    }
    const record = bench.records.get(name);
    this.onTrial?.(name, record && trialOf(name, record), reason);
    if (isFirst && record && images > 1) await this.#measure(candidate, images);
  }

  /** Those that a candidate needs; false where they take too much of the time. */
  async #makeFactors(candidate: Candidate, signal: AbortSignal | undefined): Promise<boolean> {
    if (!candidate.factors) return true;
    const { bench, clock } = this;
    const { method } = candidate.factors;
    const started = clock.elapsed;
    const late = AbortSignal.timeout(1000 * FACTORS_SHARE * clock.seconds);
    try {
      await bench.partsOf(candidate, AbortSignal.any(signal ? [late, signal] : [late]));
    } catch (error) {
      if (!late.aborted || signal?.aborted) throw error;
      this.#preparation.set(method, Number.POSITIVE_INFINITY);
      return false;
    }
    if (clock.elapsed - started > 0.1) this.#preparation.set(method, clock.elapsed - started);
    return true;
  }

  /** A batch that can be timed twice in the time that is kept for it, of images that all finalists have drawn. */
  #timedImages(finalists: readonly Candidate[], seconds: number): number {
    const { bench, sampling } = this;
    const perImage = finalists.reduce((sum, candidate) => sum + shareOf(candidate), 1) * bench.imageSeconds;
    const drawn = finalists.map(({ name }) => bench.records.get(name)!.psnrs.length);
    const most = Math.floor((RESERVED * seconds) / (2 * perImage));
    return Math.max(1, Math.min(sampling.batch ?? DEFAULT_BATCH, most, ...drawn));
  }

  /**
   * As often as there is time for, once in any case. In the first round the system gives the caches their pages, which can take
   * as long as a run; it counts only where there is no other.
   */
  async #time(finalists: readonly Candidate[], images: number): Promise<void> {
    const { bench, clock, sampling } = this;
    const rounds: number[][] = [];
    let seconds = 0;
    do {
      const started = clock.elapsed;
      rounds.push(await bench.time(finalists, images, sampling.signal));
      seconds = clock.elapsed - started;
    } while (rounds.length <= ROUNDS && clock.hasAtAll(seconds));
    bench.keepRatios(finalists, rounds.length > 1 ? rounds.slice(1) : rounds);
  }

  #standing(candidates: readonly Candidate[], count: number): Candidate[] {
    const trials = candidates.map(({ name }) => trialOf(name, this.bench.records.get(name)!));
    const names = standing(trials, this.budget, count).map(({ name }) => name);
    return candidates.filter(({ name }) => names.includes(name));
  }

  #trials(): Trial[] {
    return [...this.bench.records].map(([name, record]) => trialOf(name, record));
  }

  async #recipeOf({ name, ...measured }: Trial, batch: number): Promise<Recipe> {
    const { pipeline, sampling, bench } = this;
    const candidate = this.#candidates.find((each) => each.name === name)!;
    const { checkpoint, device, network } = pipeline;
    const run = pipeline.resolve({ ...sampling, ...subjectsOf(network, sampling, measured.images) });
    return new Recipe({
      info: {
        modelHash: checkpoint.hash,
        model: basename(checkpoint.path),
        sampler: run.sampler,
        steps: run.steps,
        guidanceScale: run.guidanceScale,
        measured: {
          ...measured,
          seed: sampling.seed,
          batch,
          backend: device.backend,
          threads: device.threads,
          machine: machineName(),
        },
        createdBy: `incache ${VERSION}`,
      },
      parameters: candidate.parameters,
      ...(await bench.partsOf(candidate)),
    });
  }
}

/** Share of the time of an image without a cache, before it is measured: half of the steps where the parameters do not say. */
function shareOf({ parameters: { period, computed } }: Candidate): number {
  if (period !== undefined) return 1 / period + 0.1;
  return computed === undefined ? 0.6 : 0.7;
}

async function openStore(
  pipeline: Pipeline,
  { signal, prompts, negativePrompt, embeddings, cleanCaption, ...described }: TuneSampling,
  folder: string | undefined,
): Promise<TuneStore | undefined> {
  const model = await pipeline.checkpoint.loadHash(signal);
  if (folder === undefined) return undefined;
  const { backend, threads, arithmetic } = pipeline.device;
  const texts = { prompts, negativePrompt, embeddings, cleanCaption };
  const subjects = subjectsKey(pipeline, texts as Parameters<typeof subjectsKey>[1]);
  const device = { backend, threads, arithmetic, machine: machineName() };
  return new TuneStore(folder, { model, ...described, ...subjects, ...device });
}

function requireBudget(budget: TuneBudget): void {
  requireObject('budget', budget, 'a share of time or MACs, or a PSNR');
  if (budget.kind === 'psnr') requireNumber('budget psnr', budget.least, 0);
  else if (budget.kind === 'time' || budget.kind === 'macs')
    requireNumber(`budget ${budget.kind}`, budget.most, 0, 1);
  else throw new ArgumentError('budget', budget, 'of time, macs or psnr');
}

function unmet(budget: TuneBudget, trials: readonly Trial[]): ArgumentError {
  const [nearest] = nearestFirst(trials, budget);
  const said = nearest
    ? `${nearest.name} is the nearest: ${nearest.time.toFixed(3)} of the time, ${nearest.macs.toFixed(3)} of the MACs, ${nearest.psnr.toFixed(1)} dB`
    : 'no candidate could be tried';
  const given = budget.kind === 'psnr' ? budget.least : budget.most;
  return new ArgumentError(`budget ${budget.kind}`, given, `one that a candidate meets; ${said}`);
}
