import type { SiluOp } from '../../../plan/types.js';
import { ACTIVATIONS } from '../epilogues.js';
import type { Lowering } from '../lowering.js';

export function silu(op: SiluOp, at: Lowering): void {
  at.run('activate', at.matrix(op.out), { x: at.matrix(op.x) }, { kind: ACTIVATIONS.silu });
}
