/** The tensors of a group of layers in a plan: its weights, factors and caches, by name and shape. */
import { type PlanBuilder, sliceColumns, sliceRows } from '../../plan/builder.js';
import type { FloatType, RowScaledType, View } from '../../plan/types.js';
import type { Group } from '../network.js';
import type { CacheLayout, LayerContext } from './context.js';

export class LayerTensors {
  readonly #builder: PlanBuilder;
  readonly #cache: CacheLayout;
  readonly #type: FloatType;
  readonly #rows: number;

  /** `rows`: tokens of all sequences. */
  constructor({ builder, cache, activations = 'f32' }: LayerContext, rows: number) {
    this.#builder = builder;
    this.#cache = cache;
    this.#type = activations;
    this.#rows = rows;
  }

  weight(group: Group): View {
    const { tensor, first, rows } = group.layers[0]!.weight;
    const whole = this.#builder.weight(`${tensor}.weight`, rows, inputsOf(group));
    return sliceRows(whole, first, outputsOf(group));
  }

  bias(group: Group): View {
    const { tensor, first, rows } = group.layers[0]!.weight;
    return sliceColumns(this.#builder.weight(`${tensor}.bias`, 1, rows), first, outputsOf(group));
  }

  factors(group: Group): { down: View; up: View }[] {
    return group.layers.map(({ name, inputs, outputs }) => {
      const rank = this.#cache.rank(name);
      const factor = `${this.#cache.factorPrefix}${name}`;
      return {
        down: this.#builder.weight(`${factor}.down`, rank, inputs),
        up: this.#builder.weight(`${factor}.up`, outputs, rank),
      };
    });
  }

  cachedInput(group: Group, slot: number): View {
    return this.#kept(group, 'input', slot, inputsOf(group), this.#cacheType);
  }

  /** Always float32: it is small, and subtracted from a product in float32. */
  cachedHidden(group: Group, slot: number): View {
    const ranks = group.layers.map(({ name }) => this.#cache.rank(name));
    return this.#kept(group, 'hidden', slot, total(ranks), 'f32');
  }

  cachedOutput(group: Group, slot: number): View {
    return this.#kept(group, 'output', slot, outputsOf(group), this.#cacheType);
  }

  /** For an input or an output that is not kept. */
  temporary(columns: number): View {
    return this.#builder.temporary(this.#rows, columns, this.#type);
  }

  /** The first slot has no number in its name. */
  #kept({ name }: Group, what: string, slot: number, columns: number, type: FloatType | RowScaledType): View {
    const numbered = slot === 0 ? '' : `.${slot}`;
    return this.#builder.state(`cache.${name}.${what}${numbered}`, this.#rows, columns, type);
  }

  get #cacheType(): FloatType | RowScaledType {
    return this.#cache.type ?? this.#type;
  }
}

export function inputsOf({ layers }: Group): number {
  return layers[0]!.inputs;
}

export function outputsOf({ layers }: Group): number {
  return total(layers.map(({ outputs }) => outputs));
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
