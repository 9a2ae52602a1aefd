import type { OpOf } from '../../../plan/schema.js';
import type { Lowering } from '../lowering.js';

export function rotate(op: OpOf<'rotate'>, at: Lowering): void {
  const [x, cos, sin, out] = [at.matrix(op.x), at.matrix(op.cos), at.matrix(op.sin), at.matrix(op.out)];
  const numbers = { half: cos.columns, period: cos.rows, interleaved: Number(op.pairs === 'interleaved') };
  if (x.slot !== out.slot) return at.run('rotate', out, { x, cos, sin }, numbers);
  // In place, one thread of a pair would read what the other has written.
  const turned = at.scratch(0, out.rows, out.columns);
  at.run('rotate', turned, { x, cos, sin }, numbers);
  at.run('activate', out, { x: turned }, { kind: 0 });
}
