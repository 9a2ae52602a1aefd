import type { NormOp } from '../../../plan/types.js';
import { ACTIVATIONS } from '../epilogues.js';
import { type Lowering, rowsPer } from '../lowering.js';
import { normalize } from '../norms.js';

export function norm(op: NormOp, at: Lowering): void {
  const scale = at.optional(op.scale);
  const shift = at.optional(op.shift);
  // Both have the rows of one image each, or one of them is absent and has any.
  const rowsPerScale = rowsPer(op.x.rows, op.scale ? scale : shift);
  normalize(
    {
      span: op.span,
      groups: op.groups,
      centred: op.kind === 'layer',
      epsilon: op.epsilon,
      x: at.matrix(op.x),
      gain: at.optional(op.gain, 1),
      bias: at.optional(op.bias),
      scale,
      shift,
      rowsPerScale,
      kind: op.epilogue === 'silu' ? ACTIVATIONS.silu : 0,
      out: at.matrix(op.out),
    },
    at,
  );
}
