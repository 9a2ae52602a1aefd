import type { CalibratedLinearOp } from '../../../plan/types.js';
import { columnsOf, epilogueOf } from '../epilogues.js';
import type { Lowering } from '../lowering.js';
import { product, SCRATCH } from '../products.js';

/** For each pair h = Wb (x - C(x)), or Wb x - Wb C(x), and then out = epilogue(C(y) + Wa h) in its columns. */
export function calibratedLinear(op: CalibratedLinearOp, at: Lowering): void {
  const [x, out, cachedOutput] = [at.matrix(op.x), at.matrix(op.out), at.matrix(op.cachedOutput)];
  const minus = op.cachedInput && at.matrix(op.cachedInput);
  const cachedHidden = op.cachedHidden && at.matrix(op.cachedHidden);
  const { epilogue, gate, residual } = epilogueOf(op, at);
  let [firstRank, firstColumn] = [0, 0];
  for (const { down, up } of op.factors) {
    const [ranks, columns] = [down.rows, up.rows];
    const hidden = at.scratch(SCRATCH.hidden, x.rows, ranks);
    const base = columnsOf(cachedHidden, firstRank, ranks);
    product({ x, minus, weight: down, base, share: -1, epilogue: 'none', out: hidden }, at);
    const part = <M extends typeof gate>(m: M): M => columnsOf(m, firstColumn, columns);
    product(
      {
        x: hidden,
        weight: up,
        base: part(cachedOutput),
        epilogue,
        gate: part(gate),
        residual: part(residual),
        out: part(out),
      },
      at,
    );
    firstRank += ranks;
    firstColumn += columns;
  }
}
