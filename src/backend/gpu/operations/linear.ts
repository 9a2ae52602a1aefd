import type { LinearOp } from '../../../plan/types.js';
import { epilogueOf, runEpilogue } from '../epilogues.js';
import type { Lowering } from '../lowering.js';
import { product } from '../products.js';

export function linear(op: LinearOp, at: Lowering): void {
  const out = at.matrix(op.out);
  const store = op.store && at.matrix(op.store);
  const bias = op.bias && at.matrix(op.bias);
  const sum = { x: at.matrix(op.x), weight: op.weight, bias };
  const epilogue = epilogueOf(op, at);
  if (!store) return product({ ...sum, ...epilogue, out }, at);
  product({ ...sum, epilogue: 'none', out: store }, at);
  runEpilogue(epilogue, store, out, at);
}
