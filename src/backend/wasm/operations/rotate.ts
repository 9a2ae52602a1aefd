import type { OpOf } from '../../../plan/schema.js';
import { matrix, type Operation, type Placement } from '../operation.js';
import { elementwise } from './elementwise.js';

export function rotate(op: OpOf<'rotate'>, at: Placement): Operation {
  return elementwise('rotate', op, at, [
    ...matrix(op.cos, at),
    ...matrix(op.sin, at),
    op.cos.rows,
    op.heads,
    op.cos.columns,
    op.pairs === 'interleaved' ? 1 : 0,
  ]);
}
