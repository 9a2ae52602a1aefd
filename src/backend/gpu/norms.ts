/** Norms of all kinds: the sums of each group, tree-wise over its rows, and then every element. */
import type { Matrix } from './kernel.js';
import type { Lowering } from './lowering.js';

export interface Norm {
  readonly x: Matrix;
  /** Rows and, as many as there are groups in all columns, columns that are normalised together. */
  readonly span: number;
  readonly groups: number;
  /** Whether the mean is taken away. */
  readonly centred: boolean;
  readonly epsilon: number;
  readonly gain: Matrix;
  readonly bias: Matrix;
  readonly scale: Matrix;
  readonly shift: Matrix;
  readonly rowsPerScale: number;
  /** The activation, by its number. */
  readonly kind: number;
  readonly out: Matrix;
}

/** Rows that are summed by one thread: more would lose digits and leave the others idle. */
const CHUNK = 32;

/** Scratch of both sums by rows, and two each for what of them is still to be summed up. */
const [SUMS, SQUARES] = [0, 1];
const [MORE_SUMS, MORE_SQUARES] = [
  [2, 3],
  [4, 5],
] as const;

export function normalize(n: Norm, at: Lowering): void {
  const { x, span, groups } = n;
  const width = x.columns / groups;
  const share = 1 / (span * width);
  const sums = n.centred ? at.scratch(SUMS, x.rows, groups) : at.constant(0);
  let means = sums;
  if (n.centred) {
    at.run('groupSums', sums, { x }, { width });
    means = sumOverRows(sums, span, MORE_SUMS, at);
  }
  const squares = at.scratch(SQUARES, x.rows, groups);
  at.run('groupSquares', squares, { x, sums: means }, { width, span, share });
  const variance = sumOverRows(squares, span, MORE_SQUARES, at);
  const { gain, bias, scale, shift, rowsPerScale, kind, epsilon } = n;
  at.run(
    'normalize',
    n.out,
    { x, sums: means, squares: variance, gain, bias, scale, shift },
    { width, span, gains: gain.columns, biases: bias.columns, rowsPerScale, kind, share, epsilon },
  );
}

/** Sums over each block of `span` rows: by turns in the two places of scratch, in neither of which `m` may be. */
export function sumOverRows(
  m: Matrix,
  span: number,
  places: readonly [number, number],
  at: Lowering,
): Matrix {
  let [from, rows] = [m, span];
  for (let turn = 0; rows > 1; turn++) {
    const parts = Math.ceil(rows / CHUNK);
    const to = at.scratch(places[turn % 2]!, (from.rows / rows) * parts, m.columns);
    at.run('sumRows', to, { x: from }, { span: rows, chunk: CHUNK, parts });
    [from, rows] = [to, parts];
  }
  return from;
}
