import type { Epilogue } from '../../plan/types.js';
import { geluOf } from './gelu.js';
import { get, imageOf, type Matrix, set } from './matrix.js';
import { siluOf } from './silu.js';

export interface EpilogueMatrices {
  readonly epilogue: Epilogue;
  readonly gate?: Matrix | undefined;
  readonly residual?: Matrix | undefined;
}

/** Writes epilogue(y) to element (i, j) of `out`. */
export function writeThrough(e: EpilogueMatrices, out: Matrix, i: number, j: number, y: number): void {
  switch (e.epilogue) {
    case 'gelu':
      return set(out, i, j, geluOf('tanh')(y));
    case 'geluErf':
      return set(out, i, j, geluOf('erf')(y));
    case 'geluQuick':
      return set(out, i, j, geluOf('quick')(y));
    case 'silu':
      return set(out, i, j, siluOf(y));
    case 'gate':
      return set(out, i, j, get(e.gate!, imageOf(e.gate!, i, out.rows), j) * y);
    case 'gateResidual':
      return set(out, i, j, get(e.residual!, i, j) + get(e.gate!, imageOf(e.gate!, i, out.rows), j) * y);
    default:
      return set(out, i, j, y);
  }
}
