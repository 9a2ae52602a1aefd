/** One linear of a block in a plan: computed, stored, reused or calibrated, with its cache buffers. */
import { PlanError } from '../../errors.js';
import { copyOp, type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { FloatType, View } from '../../plan/types.js';
import type { DiTConfig } from '../dit/config.js';
import { layerName, linearShape, type SeriesAction } from './actions.js';
import type {
  CacheLayout,
  EpilogueOperands,
  LinearContext,
  LinearGroup,
  LinearTap,
} from './linearContext.js';
import { BEFORE, LinearTensors } from './linearTensors.js';

/** What an increment is taken against, of a cache that is there under its name and with `BEFORE` behind it. */
type PointOf = (cached: (before?: string) => View, type: FloatType) => View;

export class LinearEmitter {
  readonly builder: PlanBuilder;
  readonly config: DiTConfig;
  readonly cache: CacheLayout;
  readonly tap: LinearTap | undefined;
  readonly #type: FloatType;
  readonly #tensors: LinearTensors;

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
    this.#tensors = new LinearTensors(context, rows);
  }

  /** Where the group's input is to be written: straight into the cache where that keeps it. */
  input(group: LinearGroup): View {
    if (group.action === 'storeLine') this.#keepBefore(group);
    const stored = isStored(group) && this.cache.form === 'input';
    if (stored && !this.cache.type) return this.#tensors.cachedInput(group);
    return this.builder.temporary(this.rows, this.#tensors.inputs(group), this.#type);
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
        else if (this.cache.type) this.#copy(x, this.#tensors.cachedInput(group));
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
      cachedPreActivation: this.#readable(this.#tensors.cachedOutput(fc1)),
      cachedOutput: this.#readable(this.#tensors.cachedOutput(fc2)),
      factors: [...this.#tensors.factors(fc1), ...this.#tensors.factors(fc2)],
      ...epilogue,
      out,
    });
  }

  #compute(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands, slope = 0): View {
    const result = out ?? this.#tensors.result(group);
    if (!this.tap) return this.#linear(group, x, result, epilogue);
    const y = epilogue.epilogue === 'none' ? result : this.#tensors.result(group);
    this.#linear(group, x, result, epilogue, y === result ? undefined : y);
    this.#tapEach(group, x, y, slope, this.tap);
    return result;
  }

  /** Without an epilogue the cache itself is the result where operations can read it, and nothing is copied. */
  #store(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands): View {
    const y = this.cache.type ? this.#tensors.result(group) : this.#tensors.cachedOutput(group);
    const result = out ? this.#linear(group, x, out, epilogue, y) : this.#linear(group, x, y, epilogue);
    if (this.cache.type) this.#copy(y, this.#tensors.cachedOutput(group));
    return result;
  }

  #storeHidden(group: LinearGroup, x: View): void {
    const hidden = this.#tensors.cachedHidden(group);
    let column = 0;
    for (const { down } of this.#tensors.factors(group)) {
      const out = sliceColumns(hidden, column, down.rows);
      this.builder.append({ op: 'linear', x, weight: down, epilogue: 'none', out });
      column += down.rows;
    }
  }

  #reuse(group: LinearGroup, out: View | undefined, { epilogue, gate, residual }: EpilogueOperands): View {
    const y = this.#readable(this.#tensors.cachedOutput(group));
    if (!out) return y;
    if (epilogue === 'gelu') this.builder.append({ op: 'gelu', x: y, out });
    else this.builder.append({ op: 'gateResidual', x: y, gate: gate!, residual: residual!, out });
    return out;
  }

  #series(
    group: LinearGroup,
    action: SeriesAction,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
  ): View {
    const { gate, residual } = epilogue;
    if (epilogue.epilogue !== 'gateResidual' || !out)
      throw new PlanError(`${group.name} has a series; only the last linear of a sublayer may have one`);
    const y = this.#tensors.result(group);
    if (action.kind === 'differences') {
      this.#linear(group, x, out, epilogue, y);
      this.#storeDifferences(group, y, action.distances);
      return out;
    }
    const terms = action.coefficients.map((coefficient, i) => ({
      x: this.#tensors.difference(group, i),
      coefficient,
    }));
    this.builder.append({ op: 'linearCombination', terms, out: y });
    this.builder.append({ op: 'gateResidual', x: y, gate: gate!, residual: residual!, out });
    return out;
  }

  /**
   * The highest first: each reads the lower ones as they were. With d the distances,
   * D(i) = y / (d(0) ... d(i-1)) - sum over j < i of D(j) / (d(j) ... d(i-1)).
   */
  #storeDifferences(group: LinearGroup, y: View, distances: readonly number[]): void {
    for (let i = distances.length; i >= 0; i--) {
      const over = (first: number) => 1 / product(distances.slice(first, i));
      const lower = Array.from({ length: i }, (_, j) => ({
        x: this.#tensors.difference(group, j),
        coefficient: -over(j),
      }));
      const terms = [{ x: y, coefficient: over(0) }, ...lower];
      this.builder.append({ op: 'linearCombination', terms, out: this.#tensors.difference(group, i) });
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
    const cachedOutput = at((before) => this.#tensors.cachedOutput(group, before), this.#type);
    const factors = this.#tensors.factors(group);
    const result = out ?? this.#tensors.result(group);
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
    this.#copy(this.#tensors.cachedOutput(group), this.#tensors.cachedOutput(group, BEFORE));
    if (this.cache.form === 'input')
      this.#copy(this.#tensors.cachedInput(group), this.#tensors.cachedInput(group, BEFORE));
    else this.#copy(this.#tensors.cachedHidden(group), this.#tensors.cachedHidden(group, BEFORE));
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
      return { cachedInput: at((before) => this.#tensors.cachedInput(group, before), this.#type) };
    return { cachedHidden: at((before) => this.#tensors.cachedHidden(group, before), 'f32') };
  }

  #linear(group: LinearGroup, x: View, out: View, epilogue: EpilogueOperands, store?: View): View {
    const weight = this.#tensors.weight(group);
    const bias = this.#tensors.bias(group);
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
        cachedInput: () => at((before) => this.#tensors.cachedInput(group, before), this.#type),
        cachedOutput: () =>
          sliceColumns(
            at((before) => this.#tensors.cachedOutput(group, before), this.#type),
            first,
            outputs,
          ),
      });
      column += outputs;
    }
  }
}

function product(values: readonly number[]): number {
  return values.reduce((a, b) => a * b, 1);
}

function isStored({ action }: LinearGroup): boolean {
  return action === 'store' || action === 'storeLine';
}
