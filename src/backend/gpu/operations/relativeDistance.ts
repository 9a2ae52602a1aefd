import type { RelativeDistanceOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';
import { sumOverRows } from '../norms.js';

export function relativeDistance({ x, previous, norm, out }: RelativeDistanceOp, at: Lowering): void {
  const rows = at.scratch(0, x.rows, 2);
  const operands = { x: at.matrix(x), previous: at.matrix(previous) };
  at.run('rowDistances', rows, operands, { columns: x.columns, norm });
  const sums = sumOverRows(rows, x.rows, [1, 2], at);
  at.run(
    'relativeDistance',
    at.matrix(out),
    { sums, infinite: at.constant(Number.POSITIVE_INFINITY) },
    { norm },
  );
}
