/** One linear of a block in a plan: computed, stored, reused or calibrated, with its cache buffers. */
import { copyOp, type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { FloatType, View } from '../../plan/types.js';
import type { DiTConfig } from '../dit/config.js';
import { type CombinedTerm, layerName, linearShape } from './actions.js';
import type {
  CacheLayout,
  EpilogueOperands,
  LinearContext,
  LinearGroup,
  LinearTap,
} from './linearContext.js';
import { LinearTensors } from './linearTensors.js';

/** What an increment is taken against, of a cache with a place for each slot. */
type PointOf = (cached: (slot: number) => View, type: FloatType) => View;

const LAST_STORED: readonly CombinedTerm[] = [{ slot: 0, coefficient: 1 }];

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
    const slot = slotOfInput(group);
    if (slot !== undefined && this.cache.form === 'input' && !this.cache.type)
      return this.#tensors.cachedInput(group, slot);
    return this.builder.temporary(this.rows, this.#tensors.inputs(group), this.#type);
  }

  /** Emits the group; the result is in `out`, or where the group left it if `out` is not given. */
  emit(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands): View {
    this.builder.layer(group.name);
    const { action } = group;
    const slot = slotOfInput(group);
    if (slot !== undefined) this.#storeInput(group, x, slot);
    if (typeof action === 'object') {
      if (action.kind === 'keep') return this.#store(group, x, out, epilogue, action.slot);
      if (action.increment) return this.#calibrate(group, x, out, epilogue, action.terms);
      return this.#reuse(group, out, epilogue, action.terms);
    }
    switch (action) {
      case 'compute':
        return this.#compute(group, x, out, epilogue);
      case 'storeOutput':
      case 'store':
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
      ...this.#cachedForm(fc1, (cached) => this.#readable(cached(0))),
      cachedPreActivation: this.#readable(this.#tensors.cachedOutput(fc1)),
      cachedOutput: this.#readable(this.#tensors.cachedOutput(fc2)),
      factors: [...this.#tensors.factors(fc1), ...this.#tensors.factors(fc2)],
      ...epilogue,
      out,
    });
  }

  #compute(
    group: LinearGroup,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
    terms?: readonly CombinedTerm[],
  ): View {
    const result = out ?? this.#tensors.result(group);
    if (!this.tap) return this.#linear(group, x, result, epilogue);
    const y = epilogue.epilogue === 'none' ? result : this.#tensors.result(group);
    this.#linear(group, x, result, epilogue, y === result ? undefined : y);
    this.#tapEach(group, x, y, terms, this.tap);
    return result;
  }

  /** Without an epilogue the cache itself is the result where operations can read it, and nothing is copied. */
  #store(group: LinearGroup, x: View, out: View | undefined, epilogue: EpilogueOperands, slot = 0): View {
    const cached = this.#tensors.cachedOutput(group, slot);
    const y = this.cache.type ? this.#tensors.result(group) : cached;
    const result = out ? this.#linear(group, x, out, epilogue, y) : this.#linear(group, x, y, epilogue);
    if (this.cache.type) this.#copy(y, cached);
    return result;
  }

  /** Unless `input` has had it written there. */
  #storeInput(group: LinearGroup, x: View, slot: number): void {
    if (this.cache.form === 'rank') this.#storeHidden(group, x, slot);
    else if (this.cache.type) this.#copy(x, this.#tensors.cachedInput(group, slot));
  }

  #storeHidden(group: LinearGroup, x: View, slot: number): void {
    const hidden = this.#tensors.cachedHidden(group, slot);
    let column = 0;
    for (const { down } of this.#tensors.factors(group)) {
      const out = sliceColumns(hidden, column, down.rows);
      this.builder.append({ op: 'linear', x, weight: down, epilogue: 'none', out });
      column += down.rows;
    }
  }

  #reuse(
    group: LinearGroup,
    out: View | undefined,
    { epilogue, gate, residual }: EpilogueOperands,
    terms = LAST_STORED,
  ): View {
    const y = this.#pointAt(terms)((slot) => this.#tensors.cachedOutput(group, slot), this.#type);
    if (!out) return y;
    if (epilogue === 'gelu') this.builder.append({ op: 'gelu', x: y, out });
    else this.builder.append({ op: 'gateResidual', x: y, gate: gate!, residual: residual!, out });
    return out;
  }

  /** Against what is stored, or a combination of what is kept. */
  #calibrate(
    group: LinearGroup,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
    terms = LAST_STORED,
  ): View {
    if (this.tap) return this.#compute(group, x, out, epilogue, terms);
    const at = this.#pointAt(terms);
    const cached = this.#cachedForm(group, at);
    const cachedOutput = at((slot) => this.#tensors.cachedOutput(group, slot), this.#type);
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

  #pointAt(terms: readonly CombinedTerm[]): PointOf {
    return (cached, type) => {
      const [first] = terms;
      if (terms.length === 1 && first!.coefficient === 1) return this.#readable(cached(first!.slot));
      const views = terms.map(({ slot, coefficient }) => ({ x: cached(slot), coefficient }));
      const { rows, columns } = views[0]!.x;
      const out = this.builder.temporary(rows, columns, type);
      this.builder.append({ op: 'linearCombination', terms: views, out });
      return out;
    };
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
      return { cachedInput: at((slot) => this.#tensors.cachedInput(group, slot), this.#type) };
    return { cachedHidden: at((slot) => this.#tensors.cachedHidden(group, slot), 'f32') };
  }

  #linear(group: LinearGroup, x: View, out: View, epilogue: EpilogueOperands, store?: View): View {
    const weight = this.#tensors.weight(group);
    const bias = this.#tensors.bias(group);
    this.builder.append({ op: 'linear', x, weight, bias, ...epilogue, ...(store && { store }), out });
    return out;
  }

  #tapEach(
    group: LinearGroup,
    x: View,
    y: View,
    terms: readonly CombinedTerm[] | undefined,
    tap: LinearTap,
  ): void {
    const at = this.#pointAt(terms ?? LAST_STORED);
    let column = 0;
    for (const linear of group.linears) {
      const { outputs } = linearShape(linear, this.config);
      const first = column;
      tap(this.builder, {
        layer: layerName(group.block, linear),
        calibrated: terms !== undefined,
        x,
        y: sliceColumns(y, first, outputs),
        cachedInput: () => at((slot) => this.#tensors.cachedInput(group, slot), this.#type),
        cachedOutput: () =>
          sliceColumns(
            at((slot) => this.#tensors.cachedOutput(group, slot), this.#type),
            first,
            outputs,
          ),
      });
      column += outputs;
    }
  }
}

/** Where the input of a group that is computed is kept, if it is. */
function slotOfInput({ action }: LinearGroup): number | undefined {
  if (action === 'store') return 0;
  return typeof action === 'object' && action.kind === 'keep' && action.input ? action.slot : undefined;
}
