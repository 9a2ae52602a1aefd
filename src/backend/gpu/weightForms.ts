/** In which forms a plan needs its weights. */
import type { PlanBuffer, View } from '../../plan/types.js';
import type { Slot } from './kernel.js';

export interface WeightForm {
  /** As it is, or the rectangle of `view` with a row for each input, its columns filled to a multiple of four. */
  readonly kind: 'plain' | 'transposed';
  readonly buffer: PlanBuffer;
  readonly view: View;
  /** Places of the filters of a convolution: rows of the transposed form are (place, channel). 1 of other weights. */
  readonly taps: number;
}

export function keyOf({ kind, buffer, view, taps }: WeightForm): string {
  if (kind === 'plain') return `plain ${buffer.name}`;
  const { row, rows, column, columns } = view;
  return `transposed ${row}+${rows},${column}+${columns} by ${taps} ${buffer.name}`;
}

/** The forms that a plan was found to need, each with the slot in which its buffer will be. */
export class WeightForms {
  readonly needed = new Map<string, { readonly form: WeightForm; readonly slot: Slot }>();

  slot(form: WeightForm): Slot {
    const key = keyOf(form);
    const known = this.needed.get(key);
    if (known) return known.slot;
    const slot: Slot = { bytes: 0, buffer: undefined };
    this.needed.set(key, { form, slot });
    return slot;
  }
}

/** The numbers of a weight in this form. */
export function formed({ kind, buffer, view, taps }: WeightForm, values: Float32Array): Float32Array {
  if (kind === 'plain') return values;
  const width = Math.ceil(view.rows / 4) * 4;
  const channels = view.columns / taps;
  const result = new Float32Array(view.columns * width);
  for (let n = 0; n < view.rows; n++) {
    const start = (view.row + n) * buffer.columns + view.column;
    for (let k = 0; k < view.columns; k++) {
      const row = (k % taps) * channels + Math.floor(k / taps);
      result[row * width + n] = values[start + k]!;
    }
  }
  return result;
}
