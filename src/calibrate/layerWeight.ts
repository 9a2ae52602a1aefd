/** What the makers of factors are given, checked, and widened to float64. */
import { requireFiniteValues, requireLength } from '../cache/data/checks.js';
import { ArgumentError, requireInteger } from '../errors.js';
import { type DenseMatrix, zeros } from './matrix.js';

/** Added to a sensitivity wherever it is used, so that it can be divided by (METHOD: step 4). */
const SCALE_FLOOR = 1e-6;

/** One linear layer, y = W x, and the rank wanted of its factors. */
export interface LayerWeight {
  /** W, Co x Ci, row-major. */
  readonly weight: Float32Array | Float64Array;
  /** Co, output channels. */
  readonly rows: number;
  /** Ci, input channels. */
  readonly columns: number;
  /** 1 to min(Co, Ci). */
  readonly rank: number;
}

/** @throws ArgumentError naming `rows`, `columns`, `weight.length` or `rank`. */
export function requireShape({ weight, rows, columns, rank }: LayerWeight): void {
  requireInteger('rows', rows, 1);
  requireInteger('columns', columns, 1);
  requireLength('weight', weight, rows * columns);
  requireInteger('rank', rank, 1, Math.min(rows, columns));
}

/** The sensitivities as they are used: plus 1e-6; ones where none are given. */
export function usableScale(
  name: string,
  scale: ArrayLike<number> | undefined,
  channels: number,
): Float64Array {
  if (!scale) return new Float64Array(channels).fill(1);
  requireLength(name, scale, channels);
  const values = Float64Array.from(scale);
  requireFiniteValues(name, values);
  const negative = values.findIndex((value) => value < 0);
  if (negative >= 0) throw new ArgumentError(`${name}[${negative}]`, values[negative], 'at least 0');
  return values.map((value) => value + SCALE_FLOOR);
}

/** diag(rowScale) W diag(columnScale). */
export function scaledWeight(
  { weight, rows, columns }: LayerWeight,
  rowScale: Float64Array,
  columnScale?: Float64Array,
): DenseMatrix {
  const out = zeros(rows, columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const place = i * columns + j;
      out.data[place] = rowScale[i]! * weight[place]! * (columnScale ? columnScale[j]! : 1);
    }
  }
  return out;
}
