import type { UnpatchifyOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';

export function unpatchify(op: UnpatchifyOp, at: Placement): Operation {
  const { channels, height, width, patch } = op;
  return {
    kernel: 'unpatchify',
    tiles: op.out.rows * (height / patch),
    words: [...matrix(op.out, at), ...matrix(op.x, at), channels, height, width, patch],
  };
}
