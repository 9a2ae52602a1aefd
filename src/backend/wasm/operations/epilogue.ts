import type { CalibratedLinearOp, LinearOp } from '../../../plan/types.js';
import { matrix, type Placement, vector, type Word } from '../operation.js';

/** Places in this list are the kinds of `assembly/epilogue.ts`. */
const KINDS = ['none', 'gelu', 'silu', 'gateResidual'] as const;

/** The words of `Epilogue`. */
export function epilogueWords(op: LinearOp | CalibratedLinearOp, at: Placement): Word[] {
  const [bias, store] = op.op === 'linear' ? [op.bias, op.store] : [];
  return [
    KINDS.indexOf(op.epilogue),
    vector(bias, at),
    ...matrix(store, at),
    ...matrix(op.out, at),
    ...matrix(op.gate, at),
    ...matrix(op.residual, at),
    op.gate ? op.out.rows / op.gate.rows : 1,
  ];
}
