import type { LayerNormModulateOp } from '../../../plan/types.js';
import { type Lowering, rowsPer } from '../lowering.js';
import { normalize } from '../norms.js';

export function layerNormModulate(op: LayerNormModulateOp, at: Lowering): void {
  const [x, scale] = [at.matrix(op.x), at.matrix(op.scale)];
  const affine = { gain: at.constant(1), bias: at.constant(0) };
  const layer = { kind: 0, span: 1, groups: 1, rowsPerScale: rowsPer(x.rows, scale) };
  normalize(
    {
      ...layer,
      ...affine,
      x,
      scale,
      shift: at.matrix(op.shift),
      epsilon: op.epsilon,
      centred: true,
      out: at.matrix(op.out),
    },
    at,
  );
}
