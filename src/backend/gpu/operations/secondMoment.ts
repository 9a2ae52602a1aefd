import type { SecondMomentOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function secondMoment({ x, previous, out }: SecondMomentOp, at: Lowering): void {
  const operands = { x: at.matrix(x), previous: at.optional(previous) };
  at.run('secondMoment', at.matrix(out), operands, { rows: x.rows });
}
