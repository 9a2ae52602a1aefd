import type { UnpatchifyOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function unpatchify({ channels, height, width, patch, ...op }: UnpatchifyOp, at: Lowering): void {
  const across = width / patch;
  const perImage = (height / patch) * across;
  const numbers = { channels, height, width, side: patch, across, perImage };
  at.run('unpatchify', at.matrix(op.out), { x: at.matrix(op.x) }, numbers);
}
