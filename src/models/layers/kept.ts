/** What is kept of a group of layers: written at computed steps, combined at cached ones. */
import { copyOp, type PlanBuilder } from '../../plan/builder.js';
import type { FloatType, View } from '../../plan/types.js';
import type { Group } from '../network.js';
import { type From, isStored } from './actions.js';
import type { CacheLayout, LayerContext } from './context.js';
import type { LayerTensors } from './tensors.js';

export class KeptValues {
  readonly #builder: PlanBuilder;
  readonly #cache: CacheLayout;
  readonly #type: FloatType;
  readonly #tensors: LayerTensors;

  constructor({ builder, cache, activations = 'f32' }: LayerContext, tensors: LayerTensors) {
    this.#builder = builder;
    this.#cache = cache;
    this.#type = activations;
    this.#tensors = tensors;
  }

  /** Keeps the input `x`, which may be in the cache already. */
  storeInput(group: Group, slot: number, x: View): void {
    if (this.#cache.form === 'rank') this.#storeHidden(group, slot, x);
    else if (this.#cache.type) this.copy(x, this.#tensors.cachedInput(group, slot));
  }

  output(group: Group, from: From): View {
    return this.#combined(from, (slot) => this.#tensors.cachedOutput(group, slot), this.#type);
  }

  input(group: Group, from: From): View {
    return this.#combined(from, (slot) => this.#tensors.cachedInput(group, slot), this.#type);
  }

  /** The input as an operation that calibrates takes it, in the form of the cache. */
  inputForm(group: Group, from: From): { cachedInput: View } | { cachedHidden: View } {
    if (this.#cache.form === 'input') return { cachedInput: this.input(group, from) };
    return { cachedHidden: this.#combined(from, (slot) => this.#tensors.cachedHidden(group, slot), 'f32') };
  }

  copy(x: View, out: View): void {
    this.#builder.append(copyOp(x, out));
  }

  #storeHidden(group: Group, slot: number, x: View): void {
    const hidden = this.#tensors.cachedHidden(group, slot);
    let column = hidden.column;
    for (const { down } of this.#tensors.factors(group)) {
      const out = { ...hidden, column, columns: down.rows };
      this.#builder.append({ op: 'linear', x, weight: down, epilogue: 'none', out });
      column += down.rows;
    }
  }

  /** A single value is read where it lies, if operations can. */
  #combined(from: From, at: (slot: number) => View, type: FloatType): View {
    const terms = from.map(({ slot, coefficient }) => ({ x: at(slot), coefficient }));
    const { x } = terms[0]!;
    if (isStored(from) && this.#builder.typeOf(x) !== 'e4m3') return x;
    const out = this.#builder.temporary(x.rows, x.columns, type);
    this.#builder.append({ op: 'linearCombination', terms, out });
    return out;
  }
}
