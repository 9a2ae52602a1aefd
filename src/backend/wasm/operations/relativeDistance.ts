import type { RelativeDistanceOp } from '../../../plan/types.js';
import { matrix, type Operation, type Placement } from '../operation.js';

export function relativeDistance({ x, previous, norm, out }: RelativeDistanceOp, at: Placement): Operation {
  return {
    kernel: 'relativeDistance',
    tiles: 1,
    words: [...matrix(x, at), ...matrix(previous, at), at.address(out), x.rows, x.columns, norm],
  };
}
