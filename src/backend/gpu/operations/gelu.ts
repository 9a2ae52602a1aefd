import type { GeluOp } from '../../../plan/types.js';
import { ACTIVATIONS } from '../epilogues.js';
import type { Lowering } from '../lowering.js';

const KINDS = { tanh: ACTIVATIONS.gelu, erf: ACTIVATIONS.geluErf, quick: ACTIVATIONS.geluQuick } as const;

export function gelu(op: GeluOp, at: Lowering): void {
  at.run('activate', at.matrix(op.out), { x: at.matrix(op.x) }, { kind: KINDS[op.form ?? 'tanh'] });
}
