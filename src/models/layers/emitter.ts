/** A group of layers in a plan, computed or made of the cache, as its action says. */
import { PlanError } from '../../errors.js';
import { type PlanBuilder, sliceColumns } from '../../plan/builder.js';
import type { Epilogue, View } from '../../plan/types.js';
import { type Cached, type From, STORED } from './actions.js';
import type { ActingGroup, CacheLayout, EpilogueOperands, LayerContext, LayerTap } from './context.js';
import { KeptValues } from './kept.js';
import { inputsOf, LayerTensors, outputsOf } from './tensors.js';

export class LayerEmitter {
  readonly builder: PlanBuilder;
  readonly cache: CacheLayout;
  readonly #tap: LayerTap | undefined;
  readonly #tensors: LayerTensors;
  readonly #kept: KeptValues;

  /** `rows`: tokens of all sequences. */
  constructor(context: LayerContext, rows: number) {
    this.builder = context.builder;
    this.cache = context.cache;
    this.#tap = context.tap;
    this.#tensors = new LayerTensors(context, rows);
    this.#kept = new KeptValues(context, this.#tensors);
  }

  /** Where the group's input is to be written: straight into the cache where that keeps it. */
  input(group: ActingGroup): View {
    const slot = this.#keptSlot(group);
    return slot === undefined
      ? this.#tensors.temporary(inputsOf(group))
      : this.#tensors.cachedInput(group, slot);
  }

  /** `x` as the input of a group that reads it where it lies; copied where the cache keeps it. */
  inputFrom(group: ActingGroup, x: View): View {
    if (this.#keptSlot(group) === undefined) return x;
    const input = this.input(group);
    this.builder.layer(group.name);
    this.#kept.copy(x, input);
    return input;
  }

  /** Emits the group; the result is in `out`, or where the group left it if `out` is not given. */
  emit(group: ActingGroup, x: View, out: View | undefined, epilogue: EpilogueOperands): View {
    this.builder.layer(group.name);
    const { action } = group;
    if (!action.compute) return this.#cached(group, action, x, out, epilogue);
    const { keep } = action;
    if (!keep) return this.#compute(group, x, out, epilogue);
    if (keep.input) this.#kept.storeInput(group, keep.slot, x);
    return this.#store(group, keep.slot, x, out, epilogue);
  }

  /** Emits the two layers of a pair and the GELU between them, both calibrated, as one operation. */
  emitPair(
    name: string,
    first: ActingGroup,
    second: ActingGroup,
    x: View,
    out: View,
    epilogue: EpilogueOperands,
  ): void {
    const [{ from }, { from: secondFrom }] = [first.action, second.action] as [Cached, Cached];
    this.builder.layer(name);
    this.builder.append({
      op: 'calibratedMlp',
      x,
      ...this.#kept.inputForm(first, from),
      cachedPreActivation: this.#kept.output(first, from),
      cachedOutput: this.#kept.output(second, secondFrom),
      factors: [...this.#tensors.factors(first), ...this.#tensors.factors(second)],
      ...epilogue,
      out,
    });
  }

  /** The slot in which the group's input lies as it is, if it is kept so. */
  #keptSlot({ action }: ActingGroup): number | undefined {
    const keep = action.compute ? action.keep : undefined;
    return keep?.input && this.cache.form === 'input' && !this.cache.type ? keep.slot : undefined;
  }

  /** With `from` as it would be calibrated against it, which a tap may ask for. */
  #compute(
    group: ActingGroup,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
    from?: From,
  ): View {
    const result = out ?? this.#tensors.temporary(outputsOf(group));
    if (!this.#tap) return this.#linear(group, x, result, epilogue);
    const y = epilogue.epilogue === 'none' ? result : this.#tensors.temporary(outputsOf(group));
    this.#linear(group, x, result, epilogue, y === result ? undefined : y);
    this.#tapEach(group, x, y, from, this.#tap);
    return result;
  }

  /** Without an epilogue the cache itself is the result where operations can read it, and nothing is copied. */
  #store(group: ActingGroup, slot: number, x: View, out: View | undefined, epilogue: EpilogueOperands): View {
    const cached = this.#tensors.cachedOutput(group, slot);
    const y = this.cache.type ? this.#tensors.temporary(outputsOf(group)) : cached;
    const result = this.#linear(group, x, out ?? y, epilogue, out && y);
    if (y !== cached) this.#kept.copy(y, cached);
    return result;
  }

  #cached(
    group: ActingGroup,
    { from, increment }: Cached,
    x: View,
    out: View | undefined,
    epilogue: EpilogueOperands,
  ): View {
    if (!increment) return this.#finish(this.#kept.output(group, from), out, epilogue);
    if (this.#tap) return this.#compute(group, x, out, epilogue, from);
    const result = out ?? this.#tensors.temporary(outputsOf(group));
    this.builder.append({
      op: 'calibratedLinear',
      x,
      ...this.#kept.inputForm(group, from),
      cachedOutput: this.#kept.output(group, from),
      factors: this.#tensors.factors(group),
      ...epilogue,
      out: result,
    });
    return result;
  }

  /** The epilogue alone, of an output that is there. */
  #finish(y: View, out: View | undefined, { epilogue, gate, residual }: EpilogueOperands): View {
    if (!out) return y;
    if (epilogue === 'gelu' || epilogue === 'silu') this.builder.append({ op: epilogue, x: y, out });
    else if (epilogue === 'gateResidual')
      this.builder.append({ op: 'gateResidual', x: y, gate: gate!, residual: residual!, out });
    else if (epilogue === 'none') this.#kept.copy(y, out);
    else throw new PlanError(`a layer that is reused cannot have epilogue '${epilogue as Epilogue}'`);
    return out;
  }

  #linear(group: ActingGroup, x: View, out: View, epilogue: EpilogueOperands, store?: View): View {
    const weight = this.#tensors.weight(group);
    const bias = this.#tensors.bias(group);
    this.builder.append({ op: 'linear', x, weight, bias, ...epilogue, ...(store && { store }), out });
    return out;
  }

  #tapEach(group: ActingGroup, x: View, y: View, from: From | undefined, tap: LayerTap): void {
    let column = 0;
    for (const [place, layer] of group.layers.entries()) {
      const first = column;
      tap(this.builder, {
        layer,
        group,
        place,
        calibrated: from !== undefined,
        x,
        y: sliceColumns(y, first, layer.outputs),
        cachedInput: () => this.#kept.input(group, from ?? STORED),
        cachedOutput: () => sliceColumns(this.#kept.output(group, from ?? STORED), first, layer.outputs),
      });
      column += layer.outputs;
    }
  }
}
