import type { GateResidualOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import { elementwise } from './elementwise.js';

export function gateResidual(op: GateResidualOp, at: Placement): Operation {
  return elementwise('gateResidual', op, at, [
    ...matrix(op.gate, at),
    ...matrix(op.residual, at),
    op.x.rows / op.gate.rows,
  ]);
}
