/** What a configuration needs before it can be sampled. */
import type { FactorSet } from '../cache/data/factorSet.js';
import type { AnyCacheOptions, CacheOptions } from '../pipeline/options.js';
import type { Configuration } from './configuration.js';
import { ErrorStore } from './errorStore.js';
import type { Advance, ExperimentContext } from './experiment.js';
import { FactorStore } from './factorStore.js';
import { FitStore } from './fitStore.js';

export class Preparation {
  readonly #factors: FactorStore;
  readonly #errors: ErrorStore;
  readonly #fits: FitStore;
  readonly #given: Pick<ExperimentContext, 'factors' | 'recipe'>;

  /** @param configurations all of the experiment, whichever of them are prepared here */
  constructor(context: ExperimentContext, configurations: readonly Configuration[]) {
    const choices = configurations.flatMap(({ factors }) => factors ?? []);
    this.#factors = new FactorStore(context, choices);
    this.#errors = new ErrorStore(context);
    this.#fits = new FitStore(context);
    this.#given = context;
  }

  /** Evaluations of the network for one image that it takes at most. */
  work({ factors, errors, isFitted }: Configuration): number {
    return (
      (factors ? this.#factors.work(factors) : 0) +
      (errors === undefined ? 0 : this.#errors.work(errors, factors)) +
      (isFitted ? this.#fits.work : 0)
    );
  }

  /** Calls `action` with the cache options of the configuration, with the factors, errors and fits of a seed. */
  async use<T>(
    configuration: Configuration,
    seed: number,
    advance: Advance,
    action: (cache: CacheOptions) => Promise<T>,
  ): Promise<T> {
    const { cache = {}, factors: choice, errors: order, isFitted, given } = configuration;
    if (given?.kind === 'recipe') return action(this.#given.recipe!.options);
    const fits = isFitted ? await this.#fits.get(seed, advance) : undefined;
    const withFactors = async (factors?: FactorSet) => {
      const errors =
        order === undefined ? undefined : await this.#errors.get(order, seed, advance, choice, factors);
      const all: AnyCacheOptions = {
        ...cache,
        ...(factors && { factors }),
        ...(errors && { errors }),
        ...(fits && { fits }),
      };
      return action(all as CacheOptions);
    };
    return choice
      ? this.#factors.use(choice, seed, advance, withFactors)
      : withFactors(given && this.#given.factors);
  }
}
