/** A pair of factors in one kernel: out = epilogue(C(y) + Wa h), h = Wb (x - C(x)) in workgroup memory. */
import type { FactorPair } from '../../../plan/types.js';
import type { EpilogueMatrices } from '../epilogues.js';
import type { Dispatch, Matrix } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { ENDING, endingOf } from './epilogue.js';
import { COLUMNS, type HiddenInputs, hiddenDispatch, MOST_KEPT } from './hidden.js';
import { eachSum, multiply, SUMS } from './registerTile.js';

/** Whether h of a row fits. */
export function fitsCalibratedLinear({ down }: FactorPair): boolean {
  return down.rows <= MOST_KEPT;
}

export interface CalibratedPair extends EpilogueMatrices, HiddenInputs {
  readonly up: FactorPair['up'];
  /** C(y). */
  readonly base: Matrix;
  readonly out: Matrix;
}

export function calibratedLinearDispatch(p: CalibratedPair, at: Lowering): Dispatch {
  const end = endingOf(p, at);
  return hiddenDispatch(
    p,
    {
      name: 'fused calibratedLinear',
      matrices: ENDING.matrices,
      vectors: ['up'],
      integers: ENDING.integers,
      floats: ENDING.floats,
      text: ENDING.text,
      body: `  for (var column = across; column < params.out_columns; column += ${COLUMNS}) {
    var sums = ${SUMS}();
    ${multiply({ weight: 'up', input: 'hidden' }, { sums: 'sums', column: 'column', first: '0', end: 'params.rank' })}
    ${eachSum('finish(row + i, column + j, sums[i][j])')}
  }`,
      out: p.out,
      operands: { up: at.transposed(p.up), ...end.operands },
      numbers: end.numbers,
    },
    at,
  );
}
