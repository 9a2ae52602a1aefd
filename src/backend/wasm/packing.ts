/** Weights in the forms that the kernels take, written straight into the memory of the device. */
import type { View } from '../../plan/types.js';
import { PANEL } from './tiling.js';

/** A rectangle of a row-major tensor on the host. */
export interface Source {
  readonly values: Float32Array;
  /** Columns of the whole tensor. */
  readonly width: number;
  readonly view: View;
}

/** A row of `view` and one past its end, as places in `values`. */
function rowOf({ width, view }: Source, row: number): number {
  return (view.row + row) * width + view.column;
}

/** Floats of a packed weight: [panels][K][8]. */
export function panelsLength({ rows, columns }: View): number {
  return Math.ceil(rows / PANEL) * PANEL * columns;
}

/**
 * target[panel][k][j] = W[8 panel + j][k], zeros past the last row of W. A row of filters with `taps` places is
 * [channels][taps], and is packed as [taps][channels].
 * Returns false when a value is NaN or infinite.
 */
export function packPanels(source: Source, target: Float32Array, taps = 1): boolean {
  const { values, view } = source;
  const depth = view.columns;
  let check = 0;
  for (let row = 0; row < view.rows; row += PANEL) {
    const filled = Math.min(PANEL, view.rows - row);
    const panel = row * depth;
    if (filled < PANEL) target.fill(0, panel, panel + depth * PANEL);
    for (let j = 0; j < filled; j++) {
      const first = rowOf(source, row + j);
      let place = panel + j;
      for (let tap = first; tap < first + taps; tap++)
        for (let k = tap; k < first + depth; k += taps, place += PANEL) {
          const value = values[k]!;
          target[place] = value;
          check += value * 0;
        }
    }
  }
  return check === 0;
}

/** Bytes of a quantised weight: [panels][pairs][8][2]. */
export function quantizedLength({ rows, columns }: View): number {
  return Math.ceil(rows / PANEL) * PANEL * 2 * Math.ceil(columns / 2);
}

/**
 * target[panel][pair][j] holds two neighbours of row 8 panel + j, rounded to the row's largest magnitude / 127,
 * which goes to `scales`. Returns false when a value is NaN or infinite.
 */
export function packQuantized(source: Source, target: Int8Array, scales: Float32Array): boolean {
  const { values, view } = source;
  const panelBytes = PANEL * 2 * Math.ceil(view.columns / 2);
  target.fill(0);
  scales.fill(0);
  let check = 0;
  for (let row = 0; row < view.rows; row++) {
    const first = rowOf(source, row);
    let peak = 0;
    for (let k = 0; k < view.columns; k++) {
      const value = values[first + k]!;
      peak = Math.max(peak, Math.abs(value));
      check += value * 0;
    }
    scales[row] = peak / 127;
    const factor = peak > 0 ? 127 / peak : 0;
    const panel = Math.floor(row / PANEL) * panelBytes + (row % PANEL) * 2;
    for (let k = 0; k < view.columns; k++)
      target[panel + (k >> 1) * PANEL * 2 + (k & 1)] = Math.round(values[first + k]! * factor);
  }
  return check === 0;
}

/** Copies a whole tensor. Returns false when a value is NaN or infinite. */
export function copyPlain(values: Float32Array, target: Float32Array): boolean {
  target.set(values);
  let check = 0;
  for (const value of values) check += value * 0;
  return check === 0;
}
