/** What an operation is lowered with: matrices in the place of views, scratch, and a list of dispatches. */
import type { PlanBuffer, View } from '../../plan/types.js';
import type { KernelForms } from './forms.js';
import type { Dispatch, Matrix, Slot } from './kernel.js';
import { type NumbersOf, type OperandsOf, type TranslatedName, translated } from './translatedKernels.js';
import { type WeightForm, WeightForms } from './weightForms.js';

/** Numbers that constants consist of; the buffer of constants holds them in this order. */
export const CONSTANTS = [0, 1, Number.POSITIVE_INFINITY] as const;

export class Lowering {
  readonly dispatches: Dispatch[] = [];
  readonly weights: WeightForms;
  /** Buffers that operations share for what lies between their dispatches. */
  readonly scratchSlots: Slot[] = [];
  /** Tables that the host computes. */
  readonly tables: { readonly slot: Slot; readonly values: Float32Array }[] = [];

  constructor(
    readonly forms: KernelForms,
    readonly buffers: readonly PlanBuffer[],
    readonly slots: readonly (Slot | undefined)[],
    readonly constants: Slot,
  ) {
    this.weights = new WeightForms();
  }

  matrix(view: View): Matrix {
    const buffer = this.buffers[view.buffer]!;
    const slot = this.slots[view.buffer] ?? this.weights.slot({ kind: 'plain', buffer, view, taps: 1 });
    const stride = buffer.columns;
    return {
      slot,
      type: buffer.type === 'i32' ? 'i32' : 'f32',
      rows: view.rows,
      columns: view.columns,
      offset: view.row * stride + view.column,
      stride,
      step: 1,
    };
  }

  /** The matrix of a view that may be absent, and is then this number everywhere. */
  optional(view: View | undefined, absent: 0 | 1 = 0): Matrix {
    return view ? this.matrix(view) : this.constant(absent);
  }

  constant(value: (typeof CONSTANTS)[number]): Matrix {
    const offset = CONSTANTS.indexOf(value);
    return { slot: this.constants, type: 'f32', rows: 1, columns: 1, offset, stride: 0, step: 0 };
  }

  /** A dense matrix that holds something until the operation ends. `place` tells those of an operation apart. */
  scratch(place: number, rows: number, columns: number): Matrix {
    this.scratchSlots[place] ??= { bytes: 0, buffer: undefined };
    const slot = this.scratchSlots[place]!;
    slot.bytes = Math.max(slot.bytes, rows * columns * 4);
    return dense(slot, rows, columns);
  }

  table(values: Float32Array, rows: number): Matrix {
    const slot: Slot = { bytes: values.byteLength, buffer: undefined };
    this.tables.push({ slot, values });
    return dense(slot, rows, values.length / rows);
  }

  /** The weight of a product in four columns at once, transposed. */
  transposed(view: View, taps = 1): Matrix {
    const form: WeightForm = { kind: 'transposed', buffer: this.buffers[view.buffer]!, view, taps };
    return dense(this.weights.slot(form), view.columns, Math.ceil(view.rows / 4) * 4);
  }

  run<N extends TranslatedName>(name: N, out: Matrix, operands: OperandsOf<N>, numbers: NumbersOf<N>): void {
    this.dispatches.push(translated(name, out, operands, numbers));
  }

  add(dispatch: Dispatch): void {
    this.dispatches.push(dispatch);
  }
}

function dense(slot: Slot, rows: number, columns: number): Matrix {
  return { slot, type: 'f32', rows, columns, offset: 0, stride: columns, step: 1 };
}

/** How many rows of a matrix of `rows` share one of `perImage`. */
export function rowsPer(rows: number, perImage: Matrix): number {
  return perImage.step === 0 ? rows : rows / perImage.rows;
}
