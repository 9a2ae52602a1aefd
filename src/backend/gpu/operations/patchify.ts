import type { PatchifyOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function patchify({ height, width, patch, ...op }: PatchifyOp, at: Lowering): void {
  const across = width / patch;
  const perImage = (height / patch) * across;
  const numbers = { height, width, side: patch, across, perImage };
  at.run('patchify', at.matrix(op.out), { x: at.matrix(op.x) }, numbers);
}
