import type { CalibratedLinearOp } from '../../../plan/types.js';
import { columnsOf, epilogueOf } from '../epilogues.js';
import type { Lowering } from '../lowering.js';
import { hiddenProduct, product, SCRATCH } from '../products.js';
import {
  type CalibratedPair,
  calibratedLinearDispatch,
  fitsCalibratedLinear,
} from '../wgsl/calibratedLinear.js';

/** For each pair h = Wb (x - C(x)), or Wb x - Wb C(x), and then out = epilogue(C(y) + Wa h) in its columns. */
export function calibratedLinear(op: CalibratedLinearOp, at: Lowering): void {
  const [x, out, cachedOutput] = [at.matrix(op.x), at.matrix(op.out), at.matrix(op.cachedOutput)];
  const cachedInput = op.cachedInput && at.matrix(op.cachedInput);
  const cachedHidden = op.cachedHidden && at.matrix(op.cachedHidden);
  const { epilogue, gate, residual } = epilogueOf(op, at);
  const isFused = at.forms.fused.includes(op.op);
  let [firstRank, firstColumn] = [0, 0];
  for (const pair of op.factors) {
    const [ranks, columns] = [pair.down.rows, pair.up.rows];
    const part = <M extends typeof gate>(m: M): M => columnsOf(m, firstColumn, columns);
    const p: CalibratedPair = {
      ...pair,
      x,
      cachedInput,
      cachedHidden: columnsOf(cachedHidden, firstRank, ranks),
      base: part(cachedOutput),
      epilogue,
      gate: part(gate),
      residual: part(residual),
      out: part(out),
    };
    if (isFused && fitsCalibratedLinear(pair)) at.add(calibratedLinearDispatch(p, at));
    else separately(p, at);
    firstRank += ranks;
    firstColumn += columns;
  }
}

function separately({ x, cachedInput, cachedHidden, down, up, ...rest }: CalibratedPair, at: Lowering): void {
  const hidden = at.scratch(SCRATCH.hidden, x.rows, down.rows);
  hiddenProduct({ x, cachedInput, cachedHidden, down }, hidden, at);
  product({ ...rest, x: hidden, weight: up }, at);
}
