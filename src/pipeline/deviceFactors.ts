/** Factors on the device: the same numbers once, however many objects hold them, and not for ever. */
import type { DeviceWeights } from '../backend/backend.js';
import type { FactorSet } from '../cache/data/factorSet.js';
import { IncacheError } from '../errors.js';

/** Sets that no run uses and that stay on the device all the same, so that the next request finds them. */
const MOST_IDLE = 2;

interface Entry {
  /** Sessions that use them. */
  users: number;
  /** Where a plan's weights are read from; only as long as somebody uses them. */
  factors: FactorSet | undefined;
  /** To be freed when the last user has gone. */
  unwanted: boolean;
}

/**
 * Knows factors by their hash, under which their weights have their names. A session holds its set. When the last session
 * has let go of one, it stays until it is one of more than two such sets and was used the longest ago; then its weights
 * are freed.
 */
export class DeviceFactors {
  readonly #weights: () => DeviceWeights;
  readonly #beforeFreeing: (prefix: string) => void;
  /** By prefix; what was used last is last. */
  readonly #entries = new Map<string, Entry>();

  /** `beforeFreeing` is told the prefix of weights that are about to go. */
  constructor(weights: () => DeviceWeights, beforeFreeing: (prefix: string) => void) {
    this.#weights = weights;
    this.#beforeFreeing = beforeFreeing;
  }

  /** What the names of the set's weights begin with. */
  prefixOf(factors: FactorSet): string {
    return `factors.${factors.hash.slice(0, 16)}.`;
  }

  /** Keeps the set's weights on the device until what is returned is disposed. */
  hold(factors: FactorSet): Disposable {
    const prefix = this.prefixOf(factors);
    const entry = this.#entries.get(prefix) ?? { users: 0, factors, unwanted: false };
    this.#entries.delete(prefix);
    this.#entries.set(prefix, entry);
    entry.users++;
    entry.factors ??= factors;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#leave(entry);
        held = false;
      },
    };
  }

  /** Frees the set's weights, as soon as no session uses them. */
  release(factors: FactorSet): void {
    const entry = this.#entries.get(this.prefixOf(factors));
    if (!entry) return;
    entry.unwanted = true;
    this.#trim();
  }

  /** The tensor behind a weight's name, or undefined when it is none of factors. */
  read(name: string): Float32Array | undefined {
    const [, prefix, rest] = /^(factors\.[0-9a-f]{16}\.)(.*)$/.exec(name) ?? [];
    if (prefix === undefined) return undefined;
    const factors = this.#entries.get(prefix)?.factors;
    if (!factors) throw new IncacheError(`the factors behind '${name}' have been released`);
    return factors.read(rest!);
  }

  #leave(entry: Entry): void {
    entry.users--;
    if (entry.users === 0) entry.factors = undefined;
    this.#trim();
  }

  #trim(): void {
    const idle = [...this.#entries].filter(([, { users }]) => users === 0);
    const kept = idle.filter(([, { unwanted }]) => !unwanted).slice(-MOST_IDLE);
    for (const [prefix, entry] of idle) {
      if (kept.some(([, other]) => other === entry)) continue;
      this.#beforeFreeing(prefix);
      this.#weights().release(prefix);
      this.#entries.delete(prefix);
    }
  }
}
