import type { CalibratedMlpOp, FactorPair } from '../../../plan/types.js';
import { epilogueOf } from '../epilogues.js';
import type { Lowering } from '../lowering.js';
import { product, SCRATCH } from '../products.js';

/** h = Wb1 (x - C(x)), d = gelu(C(y1) + Wa1 h) - gelu(C(y1)), out = epilogue(C(y2) + Wa2 (Wb2 d)). */
export function calibratedMlp(op: CalibratedMlpOp, at: Lowering): void {
  const [fc1, fc2] = op.factors as readonly [FactorPair, FactorPair];
  const [x, out] = [at.matrix(op.x), at.matrix(op.out)];
  const hidden = at.scratch(SCRATCH.hidden, x.rows, fc1.down.rows);
  const increment = at.scratch(SCRATCH.wide, x.rows, fc1.up.rows);
  const second = at.scratch(SCRATCH.second, x.rows, fc2.down.rows);
  const minus = op.cachedInput && at.matrix(op.cachedInput);
  const cachedHidden = op.cachedHidden && at.matrix(op.cachedHidden);
  product({ x, minus, weight: fc1.down, base: cachedHidden, share: -1, epilogue: 'none', out: hidden }, at);
  const preActivation = at.matrix(op.cachedPreActivation);
  product({ x: hidden, weight: fc1.up, base: preActivation, epilogue: 'geluIncrement', out: increment }, at);
  product({ x: increment, weight: fc2.down, epilogue: 'none', out: second }, at);
  const cachedOutput = at.matrix(op.cachedOutput);
  product({ x: second, weight: fc2.up, base: cachedOutput, ...epilogueOf(op, at), out }, at);
}
