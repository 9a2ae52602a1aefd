/**
 * The end of a product in WGSL: what is added to a sum, and what is written. What an operation lacks is a constant,
 * not another kernel.
 */
import { ACTIVATIONS, rowsPerGate } from '../epilogues.js';
import type { Dispatch, Matrix } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import type { Product } from '../products.js';

type Ending = Pick<Product, 'base' | 'share' | 'epilogue' | 'gate' | 'residual' | 'out'>;

export const ENDING = {
  matrices: ['base', 'gate', 'residual'],
  integers: ['rowsPerGate', 'activationKind', 'isIncrement'],
  floats: ['share'],
  text: `fn finish(row: i32, column: i32, sum: f32) {
  let base = get_base(row, column);
  var y = activation(sum + params.share * base, params.activationKind);
  if (params.isIncrement == 1) { y -= activation(base, params.activationKind); }
  put(row, column, get_residual(row, column) + get_gate(row / params.rowsPerGate, column) * y);
}`,
} as const;

/** The operands and numbers of `finish`. */
export function endingOf(p: Ending, at: Lowering): Pick<Dispatch, 'operands' | 'numbers'> {
  const operands: Record<(typeof ENDING.matrices)[number], Matrix> = {
    base: p.base ?? at.constant(0),
    gate: p.gate ?? at.constant(1),
    residual: p.residual ?? at.constant(0),
  };
  return {
    operands,
    numbers: {
      rowsPerGate: rowsPerGate(p.out, p.gate),
      activationKind: ACTIVATIONS[p.epilogue],
      isIncrement: Number(p.epilogue === 'geluIncrement'),
      share: p.share ?? 1,
    },
  };
}
