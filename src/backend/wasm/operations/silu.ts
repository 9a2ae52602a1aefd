import type { SiluOp } from '../../../plan/types.js';
import type { Operation, Placement } from '../operation.js';
import { elementwise } from './elementwise.js';

export function silu(op: SiluOp, at: Placement): Operation {
  return elementwise('silu', op, at);
}
