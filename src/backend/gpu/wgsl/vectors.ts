/** Four neighbouring numbers of a row at once. */
import type { Matrix } from '../kernel.js';

/**
 * Whether each four of the first `columns` are four numbers at once. What shares the output's buffer is not: that is
 * an array of numbers.
 */
export function takesVectors(
  { slot, type, offset, stride, step }: Matrix,
  columns: number,
  out: Matrix,
): boolean {
  const aligned = [offset, stride, columns].every((value) => value % 4 === 0);
  return aligned && step === 1 && type === 'f32' && slot !== out.slot;
}

/** The expression of columns `column` to `column` + 3 of a row of an operand that is an array of fours. */
export function four(name: string, row: string, column: string): string {
  return `${name}[params.${name}_offset + (${row}) * params.${name}_stride + (${column}) / 4]`;
}
