/** The tensors of a linear in a plan: its weights, factors and caches, by name and shape. */
import { type PlanBuilder, sliceColumns, sliceRows } from '../../plan/builder.js';
import type { FloatType, RowScaledType, View } from '../../plan/types.js';
import type { DiTConfig } from '../dit/config.js';
import { layerName, linearShape } from './actions.js';
import type { CacheLayout, LinearContext, LinearGroup } from './linearContext.js';

export class LinearTensors {
  readonly #builder: PlanBuilder;
  readonly #config: DiTConfig;
  readonly #cache: CacheLayout;
  readonly #type: FloatType;
  readonly #rows: number;

  /** `rows`: tokens of all images. */
  constructor({ builder, config, cache, activations = 'f32' }: LinearContext, rows: number) {
    this.#builder = builder;
    this.#config = config;
    this.#cache = cache;
    this.#type = activations;
    this.#rows = rows;
  }

  weight(group: LinearGroup): View {
    const { key, first, rows, total } = this.#place(group);
    return sliceRows(this.#builder.weight(`${key}.weight`, total, this.inputs(group)), first, rows);
  }

  bias(group: LinearGroup): View {
    const { key, first, rows, total } = this.#place(group);
    return sliceColumns(this.#builder.weight(`${key}.bias`, 1, total), first, rows);
  }

  /** The checkpoint's tensor that holds the group's weight, and the rows of it that are the group's. */
  #place({ block, linears }: LinearGroup): { key: string; first: number; rows: number; total: number } {
    const c = this.#config.hiddenSize;
    const prefix = `blocks.${block}`;
    switch (linears[0]!) {
      case 'proj':
        return { key: `${prefix}.attn.proj`, first: 0, rows: c, total: c };
      case 'fc1':
        return {
          key: `${prefix}.mlp.fc1`,
          first: 0,
          rows: this.#config.mlpSize,
          total: this.#config.mlpSize,
        };
      case 'fc2':
        return { key: `${prefix}.mlp.fc2`, first: 0, rows: c, total: c };
      default: {
        const first = ['q', 'k', 'v'].indexOf(linears[0]!) * c;
        return { key: `${prefix}.attn.qkv`, first, rows: linears.length * c, total: 3 * c };
      }
    }
  }

  factors(group: LinearGroup): { down: View; up: View }[] {
    return group.linears.map((linear) => {
      const layer = layerName(group.block, linear);
      const { inputs, outputs } = linearShape(linear, this.#config);
      const rank = this.#cache.rank(layer);
      const name = `${this.#cache.factorPrefix}${layer}`;
      return {
        down: this.#builder.weight(`${name}.down`, rank, inputs),
        up: this.#builder.weight(`${name}.up`, outputs, rank),
      };
    });
  }

  cachedInput(group: LinearGroup, slot = 0): View {
    const name = `cache.${group.name}.input${slotName(slot)}`;
    return this.#builder.state(name, this.#rows, this.inputs(group), this.#cacheType);
  }

  /** Always float32: it is small, and subtracted from a product in float32. */
  cachedHidden(group: LinearGroup, slot = 0): View {
    const ranks = group.linears.map((linear) => this.#cache.rank(layerName(group.block, linear)));
    return this.#builder.state(`cache.${group.name}.hidden${slotName(slot)}`, this.#rows, total(ranks));
  }

  cachedOutput(group: LinearGroup, slot = 0): View {
    const name = `cache.${group.name}.output${slotName(slot)}`;
    return this.#builder.state(name, this.#rows, this.#outputs(group), this.#cacheType);
  }

  get #cacheType(): FloatType | RowScaledType {
    return this.#cache.type ?? this.#type;
  }

  result(group: LinearGroup): View {
    return this.#builder.temporary(this.#rows, this.#outputs(group), this.#type);
  }

  inputs(group: LinearGroup): number {
    return linearShape(group.linears[0]!, this.#config).inputs;
  }

  #outputs(group: LinearGroup): number {
    return total(group.linears.map((linear) => linearShape(linear, this.#config).outputs));
  }
}

/** The first place of a cache has its plain name. */
function slotName(slot: number): string {
  return slot === 0 ? '' : `.${slot}`;
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
