/** One linear of a block in a plan: computed, stored, reused or calibrated, with its cache buffers. */
import { PlanError } from '../errors.js';
import { copyOp, type PlanBuilder, sliceColumns, sliceRows } from '../plan/builder.js';
import type { Epilogue, FloatType, RowScaledType, View } from '../plan/types.js';
import {
  type BlockLinear,
  type CacheForm,
  type LinearAction,
  layerName,
  linearShape,
  type SeriesAction,
} from './actions.js';
import type { DiTConfig } from './config.js';

/** How the cache of a model is laid out; the same for all plans that share it. */
export interface CacheLayout {
  readonly form: CacheForm;
  /** How inputs and outputs are kept, but not what the rank form keeps. Default: as activations are. */
  readonly type?: RowScaledType | undefined;
  /** Blocks whose q, k and v are stored at different steps and so have a cache each. */
  readonly splitQkv: readonly boolean[];
  /** Blocks whose fc1 and fc2 do the same at every step: calibrated as one, without a cache of what lies between. */
  readonly fusedMlp: readonly boolean[];
  /** Rank of a layer's factors; asked only for layers that are calibrated. */
  readonly rank: (layer: string) => number;
  /** Put before a factor's name, as in `factors.1.` + `blocks.0.q.down`. */
  readonly factorPrefix: string;
}

/** What a tap sees of a linear. */
export interface TappedLinear {
  /** As in `blocks.0.q`. */
  readonly layer: string;
  /** Input, tokens x Ci, and output before its epilogue, tokens x Co. */
  readonly x: View;
  readonly y: View;
  /**
   * The same of the step that the cache holds, or of the point on the line that the linear would be calibrated against;
   * asking for them makes the plan read the cache.
   */
  cachedInput(): View;
  cachedOutput(): View;
}

/** Called for every linear that is computed or calibrated, which it then is not, but computed too; may append operations. */
export type LinearTap = (builder: PlanBuilder, linear: TappedLinear) => void;

/** A linear, or q, k and v as one, under a single action. */
export interface LinearGroup {
  /** As in `blocks.0.fc1` or `blocks.0.qkv`. */
  readonly name: string;
  readonly block: number;
  readonly linears: readonly BlockLinear[];
  readonly action: LinearAction;
}

export interface EpilogueOperands {
  readonly epilogue: Epilogue;
  readonly gate?: View;
  readonly residual?: View;
}

/** What the linears of a block are emitted into and with. */
export interface LinearContext {
  readonly builder: PlanBuilder;
  readonly config: DiTConfig;
  readonly cache: CacheLayout;
  /** Type of inputs, outputs and their caches. Default `f32`. */
  readonly activations?: FloatType | undefined;
  readonly tap?: LinearTap | undefined;
}

/** What an increment is taken against, of a cache that is there under its name and with `BEFORE` behind it. */
type PointOf = (cached: (before?: string) => View, type: FloatType) => View;

/** Put behind the name of a cache: what it held before. */
const BEFORE = '.before';

export class LinearEmitter {
  readonly builder: PlanBuilder;
  readonly config: DiTConfig;
  readonly cache: CacheLayout;
  readonly tap: LinearTap | undefined;
  readonly #type: FloatType;

  constructor(
    context: LinearContext,
    /** Tokens of all images. */
    readonly rows: number,
  ) {
    this.builder = context.builder;
    this.config = context.config;
    this.cache = context.cache;
    this.tap = context.tap;
    this.#type = context.activations ?? 'f32';
  }

  /** Where the group's input is to be written: straight into the cache where that keeps it. */
  input(group: LinearGroup): View {
    if (group.action === 'storeLine') this.#keepBefore(group);
    const stored = isStored(group) && this.cache.form === 'input';
    if (stored && !this.cache.type) return this.#cachedInput(group);
    return this.builder.temporary(this.rows, this.#inputs(group), this.#type);
  }

  /** Emits the group; the result is in `out`, or where the group left it if `out` is not given. */
  emit(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands): View {
    this.builder.layer(group.name);
    const { action } = group;
    if (typeof action === 'object') {
      if (action.kind !== 'calibrateLine') return this.#series(group, action, x, out, epilogue);
      return this.#calibrate(group, x, out, epilogue, action.slope);
    }
    switch (action) {
      case 'compute':
        return this.#compute(group, x, out, epilogue);
      case 'storeOutput':
        return this.#store(group, x, out, epilogue);
      case 'store':
      case 'storeLine':
        if (this.cache.form === 'rank') this.#storeHidden(group, x);
        else if (this.cache.type) this.#copy(x, this.#cachedInput(group));
        return this.#store(group, x, out, epilogue);
      case 'reuse':
        return this.#reuse(group, out, epilogue);
      case 'calibrate':
        return this.#calibrate(group, x, out, epilogue);
    }
  }

  /** Emits fc1, GELU and fc2 of a block, all calibrated, as one operation. */
  calibratedMlp(fc1: LinearGroup, fc2: LinearGroup, x: View, out: View, epilogue: EpilogueOperands): void {
    this.builder.layer(`blocks.${fc1.block}.mlp`);
    this.builder.append({
      op: 'calibratedMlp',
      x,
      ...this.#cachedForm(fc1, (cached) => this.#readable(cached())),
      cachedPreActivation: this.#readable(this.#cachedOutput(fc1)),
      cachedOutput: this.#readable(this.#cachedOutput(fc2)),
      factors: [...this.#factors(fc1), ...this.#factors(fc2)],
      ...epilogue,
      out,
    });
  }

  #compute(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands, slope = 0): View {
    const result = out ?? this.#result(group);
    if (!this.tap) return this.#linear(group, x, result, epilogue);
    const y = epilogue.epilogue === 'none' ? result : this.#result(group);
    this.#linear(group, x, result, epilogue, y === result ? undefined : y);
    this.#tapEach(group, x, y, slope, this.tap);
    return result;
  }

  /** Without an epilogue the cache itself is the result where operations can read it, and nothing is copied. */
  #store(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands): View {
    const y = this.cache.type ? this.#result(group) : this.#cachedOutput(group);
    const result = out ? this.#linear(group, x, out, epilogue, y) : this.#linear(group, x, y, epilogue);
    if (this.cache.type) this.#copy(y, this.#cachedOutput(group));
    return result;
  }

  #storeHidden(group: LinearGroup, x: View): void {
    const hidden = this.#cachedHidden(group);
    let column = 0;
    for (const { down } of this.#factors(group)) {
      const out = sliceColumns(hidden, column, down.rows);
      this.builder.append({ op: 'linear', x, weight: down, epilogue: 'none', out });
      column += down.rows;
    }
  }

  #reuse(group: LinearGroup, out: View | undefined, { epilogue, gate, residual }: EpilogueOperands): View {
    const y = this.#readable(this.#cachedOutput(group));
    if (!out) return y;
    if (epilogue === 'gelu') this.builder.append({ op: 'gelu', x: y, out });
    else this.builder.append({ op: 'gateResidual', x: y, gate: gate!, residual: residual!, out });
    return out;
  }

  #series(
    group: LinearGroup,
    { kind, order, distance }: SeriesAction,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
  ): View {
    const { gate, residual } = epilogue;
    if (epilogue.epilogue !== 'gateResidual' || !out)
      throw new PlanError(`${group.name} has a series; only the last linear of a sublayer may have one`);
    const y = this.#result(group);
    if (kind === 'differences') {
      this.#linear(group, x, out, epilogue, y);
      this.#storeDifferences(group, y, order, distance);
      return out;
    }
    const terms = upTo(order).map((i) => ({
      x: this.#difference(group, i),
      coefficient: distance ** i / factorial(i),
    }));
    this.builder.append({ op: 'linearCombination', terms, out: y });
    this.builder.append({ op: 'gateResidual', x: y, gate: gate!, residual: residual!, out });
    return out;
  }

  /** The highest first: each reads the lower ones as they were, D(i) = y / d^i - sum over j < i of D(j) / d^(i - j). */
  #storeDifferences(group: LinearGroup, y: View, order: number, distance: number): void {
    for (let i = order; i >= 0; i--) {
      const lower = upTo(i - 1).map((j) => ({
        x: this.#difference(group, j),
        coefficient: -(distance ** (j - i)),
      }));
      const terms = [{ x: y, coefficient: distance ** -i }, ...lower];
      this.builder.append({ op: 'linearCombination', terms, out: this.#difference(group, i) });
    }
  }

  /** Against what is stored, or the point `slope` further on the line through the two last stores. */
  #calibrate(
    group: LinearGroup,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
    slope = 0,
  ): View {
    if (this.tap) return this.#compute(group, x, out, epilogue, slope);
    const at = this.#pointAt(slope);
    const cached = this.#cachedForm(group, at);
    const cachedOutput = at((before) => this.#cachedOutput(group, before), this.#type);
    const factors = this.#factors(group);
    const result = out ?? this.#result(group);
    this.builder.append({
      op: 'calibratedLinear',
      x,
      ...cached,
      cachedOutput,
      factors,
      ...epilogue,
      out: result,
    });
    return result;
  }

  #pointAt(slope: number): PointOf {
    return (cached, type) =>
      slope === 0 ? this.#readable(cached()) : this.#onLine(cached(), cached(BEFORE), slope, type);
  }

  #onLine(stored: View, before: View, slope: number, type: FloatType): View {
    const out = this.builder.temporary(stored.rows, stored.columns, type);
    const terms = [
      { x: stored, coefficient: 1 + slope },
      { x: before, coefficient: -slope },
    ];
    this.builder.append({ op: 'linearCombination', terms, out });
    return out;
  }

  /** Moves what is stored aside, before anything of the group is written. */
  #keepBefore(group: LinearGroup): void {
    this.builder.layer(group.name);
    this.#copy(this.#cachedOutput(group), this.#cachedOutput(group, BEFORE));
    if (this.cache.form === 'input') this.#copy(this.#cachedInput(group), this.#cachedInput(group, BEFORE));
    else this.#copy(this.#cachedHidden(group), this.#cachedHidden(group, BEFORE));
  }

  #copy(x: View, out: View): void {
    this.builder.append(copyOp(x, out));
  }

  /** A cache as every operation can read it. */
  #readable(cached: View): View {
    if (this.builder.typeOf(cached) !== 'e4m3') return cached;
    const out = this.builder.temporary(cached.rows, cached.columns, this.#type);
    this.#copy(cached, out);
    return out;
  }

  #cachedForm(group: LinearGroup, at: PointOf): { cachedInput: View } | { cachedHidden: View } {
    if (this.cache.form === 'input')
      return { cachedInput: at((before) => this.#cachedInput(group, before), this.#type) };
    return { cachedHidden: at((before) => this.#cachedHidden(group, before), 'f32') };
  }

  #linear(group: LinearGroup, x: View, out: View, epilogue: EpilogueOperands, store?: View): View {
    const weight = this.#weight(group);
    const bias = this.#bias(group);
    this.builder.append({ op: 'linear', x, weight, bias, ...epilogue, ...(store && { store }), out });
    return out;
  }

  #tapEach(group: LinearGroup, x: View, y: View, slope: number, tap: LinearTap): void {
    const at = this.#pointAt(slope);
    let column = 0;
    for (const linear of group.linears) {
      const { outputs } = linearShape(linear, this.config);
      const first = column;
      tap(this.builder, {
        layer: layerName(group.block, linear),
        x,
        y: sliceColumns(y, first, outputs),
        cachedInput: () => at((before) => this.#cachedInput(group, before), this.#type),
        cachedOutput: () =>
          sliceColumns(
            at((before) => this.#cachedOutput(group, before), this.#type),
            first,
            outputs,
          ),
      });
      column += outputs;
    }
  }

  #weight(group: LinearGroup): View {
    const { key, first, rows, total } = this.#place(group);
    return sliceRows(this.builder.weight(`${key}.weight`, total, this.#inputs(group)), first, rows);
  }

  #bias(group: LinearGroup): View {
    const { key, first, rows, total } = this.#place(group);
    return sliceColumns(this.builder.weight(`${key}.bias`, 1, total), first, rows);
  }

  /** The checkpoint's tensor that holds the group's weight, and the rows of it that are the group's. */
  #place({ block, linears }: LinearGroup): { key: string; first: number; rows: number; total: number } {
    const c = this.config.hiddenSize;
    const prefix = `blocks.${block}`;
    switch (linears[0]!) {
      case 'proj':
        return { key: `${prefix}.attn.proj`, first: 0, rows: c, total: c };
      case 'fc1':
        return { key: `${prefix}.mlp.fc1`, first: 0, rows: this.config.mlpSize, total: this.config.mlpSize };
      case 'fc2':
        return { key: `${prefix}.mlp.fc2`, first: 0, rows: c, total: c };
      default: {
        const first = ['q', 'k', 'v'].indexOf(linears[0]!) * c;
        return { key: `${prefix}.attn.qkv`, first, rows: linears.length * c, total: 3 * c };
      }
    }
  }

  #factors(group: LinearGroup): { down: View; up: View }[] {
    return group.linears.map((linear) => {
      const layer = layerName(group.block, linear);
      const { inputs, outputs } = linearShape(linear, this.config);
      const rank = this.cache.rank(layer);
      const name = `${this.cache.factorPrefix}${layer}`;
      return {
        down: this.builder.weight(`${name}.down`, rank, inputs),
        up: this.builder.weight(`${name}.up`, outputs, rank),
      };
    });
  }

  #cachedInput(group: LinearGroup, before = ''): View {
    return this.builder.state(
      `cache.${group.name}.input${before}`,
      this.rows,
      this.#inputs(group),
      this.#cacheType,
    );
  }

  /** Always float32: it is small, and subtracted from a product in float32. */
  #cachedHidden(group: LinearGroup, before = ''): View {
    const ranks = group.linears.map((linear) => this.cache.rank(layerName(group.block, linear)));
    return this.builder.state(`cache.${group.name}.hidden${before}`, this.rows, total(ranks));
  }

  #cachedOutput(group: LinearGroup, before = ''): View {
    return this.builder.state(
      `cache.${group.name}.output${before}`,
      this.rows,
      this.#outputs(group),
      this.#cacheType,
    );
  }

  get #cacheType(): FloatType | RowScaledType {
    return this.cache.type ?? this.#type;
  }

  #difference(group: LinearGroup, order: number): View {
    const name = `cache.${group.name}.difference.${order}`;
    return this.builder.state(name, this.rows, this.#outputs(group), this.#cacheType);
  }

  #result(group: LinearGroup): View {
    return this.builder.temporary(this.rows, this.#outputs(group), this.#type);
  }

  #inputs(group: LinearGroup): number {
    return linearShape(group.linears[0]!, this.config).inputs;
  }

  #outputs(group: LinearGroup): number {
    return total(group.linears.map((linear) => linearShape(linear, this.config).outputs));
  }
}

/** 0, 1, ..., last. */
function upTo(last: number): number[] {
  return Array.from({ length: last + 1 }, (_, i) => i);
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}

function isStored({ action }: LinearGroup): boolean {
  return action === 'store' || action === 'storeLine';
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
