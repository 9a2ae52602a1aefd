import { requireFiniteValues } from '../cache/data/checks.js';
import type { Factors } from './factors.js';
import { type LayerWeight, requireShape, scaledWeight, usableScale } from './layerWeight.js';
import { truncatedSvd } from './svd.js';

export interface ScaledFactorsRequest extends LayerWeight {
  /** Si, one per column of W, before the 1e-6 that is added at use. Default: ones, and nothing added. */
  readonly inputScale?: ArrayLike<number>;
  /** So, one per row of W; as `inputScale`. */
  readonly outputScale?: ArrayLike<number>;
}

/**
 * Factors from the truncated SVD of the scaled weight (METHOD: Factors):
 * U, s, V = svd(diag(So) W diag(Si)); Wa = diag(So)^-1 U_r diag(s_r); Wb = V_r diag(Si)^-1.
 *
 * @throws ArgumentError for shapes that do not fit and a rank outside 1 .. min(Co, Ci).
 * @throws IncacheError for NaN and infinities, naming `weight`, `inputScale` or `outputScale`.
 */
export function scaledFactors(request: ScaledFactorsRequest): Factors {
  requireShape(request);
  requireFiniteValues('weight', request.weight);
  const { rows, columns, rank } = request;
  const inputScale = usableScale('inputScale', request.inputScale, columns);
  const outputScale = usableScale('outputScale', request.outputScale, rows);
  const { left, right, singularValues } = truncatedSvd(scaledWeight(request, outputScale, inputScale), rank);
  const up = new Float32Array(rows * rank);
  const down = new Float32Array(rank * columns);
  for (let k = 0; k < rank; k++) {
    const s = singularValues[k]!;
    for (let i = 0; i < rows; i++) up[i * rank + k] = (left.data[k * rows + i]! * s) / outputScale[i]!;
    for (let j = 0; j < columns; j++) down[k * columns + j] = right.data[k * columns + j]! / inputScale[j]!;
  }
  return { up, down, singularValues };
}
