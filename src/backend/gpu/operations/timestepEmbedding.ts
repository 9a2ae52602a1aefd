import type { TimestepEmbeddingOp } from '../../../plan/types.js';
import type { Lowering } from '../lowering.js';

export function timestepEmbedding({ x, maxPeriod, out }: TimestepEmbeddingOp, at: Lowering): void {
  const half = out.columns / 2;
  at.run(
    'timestepEmbedding',
    at.matrix(out),
    { x: at.matrix(x), f: at.table(frequencies(half, maxPeriod), 3) },
    { half },
  );
}

/** Turns a unit of time in three rows: multiples of 2^-14, of 2^-26, and the rest. The kernel says why. */
function frequencies(half: number, maxPeriod: number): Float32Array {
  const rows = new Float32Array(3 * half);
  for (let j = 0; j < half; j++) {
    const turns = Math.exp((-Math.log(maxPeriod) * j) / half) / (2 * Math.PI);
    const first = Math.floor(turns * 2 ** 14) / 2 ** 14;
    const second = Math.floor((turns - first) * 2 ** 26) / 2 ** 26;
    rows.set([first], j);
    rows.set([second], half + j);
    rows.set([turns - first - second], 2 * half + j);
  }
  return rows;
}
