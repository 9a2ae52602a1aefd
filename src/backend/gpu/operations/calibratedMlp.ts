import type { CalibratedMlpOp, FactorPair } from '../../../plan/types.js';
import { epilogueOf } from '../epilogues.js';
import type { Lowering } from '../lowering.js';
import { hiddenProduct, product, SCRATCH } from '../products.js';
import { type CalibratedMlpInner, calibratedMlpDispatch, fitsCalibratedMlp } from '../wgsl/calibratedMlp.js';

/** h = Wb1 (x - C(x)), d = gelu(C(y1) + Wa1 h) - gelu(C(y1)), out = epilogue(C(y2) + Wa2 (Wb2 d)). */
export function calibratedMlp(op: CalibratedMlpOp, at: Lowering): void {
  const factors = op.factors as readonly [FactorPair, FactorPair];
  const [fc1, fc2] = factors;
  const [x, out] = [at.matrix(op.x), at.matrix(op.out)];
  const second = at.scratch(SCRATCH.second, x.rows, fc2.down.rows);
  const inner: CalibratedMlpInner = {
    x,
    cachedInput: op.cachedInput && at.matrix(op.cachedInput),
    cachedHidden: op.cachedHidden && at.matrix(op.cachedHidden),
    down: fc1.down,
    preActivation: at.matrix(op.cachedPreActivation),
    factors,
    out: second,
  };
  if (at.forms.fused.includes(op.op) && fitsCalibratedMlp(factors)) at.add(calibratedMlpDispatch(inner, at));
  else separately(inner, at);
  const cachedOutput = at.matrix(op.cachedOutput);
  product({ x: second, weight: fc2.up, base: cachedOutput, ...epilogueOf(op, at), out }, at);
}

function separately(
  { factors: [fc1, fc2], preActivation, out, ...inputs }: CalibratedMlpInner,
  at: Lowering,
): void {
  const hidden = at.scratch(SCRATCH.hidden, out.rows, fc1.down.rows);
  const increment = at.scratch(SCRATCH.wide, out.rows, fc1.up.rows);
  hiddenProduct(inputs, hidden, at);
  product({ x: hidden, weight: fc1.up, base: preActivation, epilogue: 'geluIncrement', out: increment }, at);
  product({ x: increment, weight: fc2.down, epilogue: 'none', out }, at);
}
