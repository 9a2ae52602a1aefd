import type { GateResidualOp } from '../../../plan/types.js';
import { epilogueOf, runEpilogue } from '../epilogues.js';
import type { Lowering } from '../lowering.js';

export function gateResidual(op: GateResidualOp, at: Lowering): void {
  const epilogue = epilogueOf({ ...op, epilogue: 'gateResidual' }, at);
  runEpilogue(epilogue, at.matrix(op.x), at.matrix(op.out), at);
}
