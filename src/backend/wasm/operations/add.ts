import type { AddOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import { elementwise } from './elementwise.js';

export function add(op: AddOp, at: Placement): Operation {
  return elementwise('add', op, at, [...matrix(op.y, at), op.y.rows]);
}
