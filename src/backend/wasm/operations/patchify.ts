import type { PatchifyOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';

export function patchify(op: PatchifyOp, at: Placement): Operation {
  const { channels, height, width, patch } = op;
  return {
    kernel: 'patchify',
    tiles: op.x.rows * (height / patch),
    words: [...matrix(op.x, at), ...matrix(op.out, at), channels, height, width, patch],
  };
}
