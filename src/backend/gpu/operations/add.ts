import type { AddOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function add(op: AddOp, at: Lowering): void {
  const y = at.matrix(op.y);
  at.run('add', at.matrix(op.out), { x: at.matrix(op.x), y }, { period: y.rows });
}
