import type { GeluOp } from '../../../plan/types.js';
import type { Operation, Placement } from '../operation.js';
import { elementwise } from './elementwise.js';

export function gelu(op: GeluOp, at: Placement): Operation {
  return elementwise('gelu', op, at);
}
