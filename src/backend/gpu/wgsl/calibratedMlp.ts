/**
 * The wide part of a calibrated MLP in one kernel: Wb2 (gelu(y1) - gelu(C(y1))) with y1 = C(y1) + Wa1 h, 64 columns of
 * the hidden layer at a time. Neither h nor the increment leaves workgroup memory.
 */
import type { FactorPair } from '../../../plan/types.js';
import { ACTIVATIONS } from '../epilogues.js';
import type { Dispatch, Matrix } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { COLUMNS, type HiddenInputs, hiddenDispatch, keptText, MOST_KEPT, roomFor } from './hidden.js';
import { EACH, eachSum, multiply, SUMS } from './registerTile.js';

/** Most times that a workgroup's columns fit into the second rank: a thread has registers for so many sums. */
const MOST_PASSES = 4;

/** Whether what a workgroup keeps fits. */
export function fitsCalibratedMlp([fc1, fc2]: readonly [FactorPair, FactorPair]): boolean {
  return roomFor(fc1.down.rows) + COLUMNS <= MOST_KEPT && passesOf(fc2) <= MOST_PASSES;
}

function passesOf({ down }: FactorPair): number {
  return Math.ceil(down.rows / COLUMNS);
}

export interface CalibratedMlpInner extends HiddenInputs {
  readonly factors: readonly [FactorPair, FactorPair];
  /** C(y1). */
  readonly preActivation: Matrix;
  readonly out: Matrix;
}

export function calibratedMlpDispatch(p: CalibratedMlpInner, at: Lowering): Dispatch {
  const [fc1, fc2] = p.factors;
  const passes = passesOf(fc2);
  return hiddenDispatch(
    p,
    {
      name: `fused calibratedMlp in ${passes}`,
      matrices: ['preActivation'],
      vectors: ['up', 'second'],
      integers: ['wide'],
      floats: [],
      text: keptText('increment', COLUMNS),
      body: bodyText(passes),
      out: p.out,
      operands: {
        preActivation: p.preActivation,
        up: at.transposed(fc1.up),
        second: at.transposed(fc2.down),
      },
      numbers: { wide: fc1.up.rows },
    },
    at,
  );
}

const UP = { weight: 'up', input: 'hidden' };
const SECOND = { weight: 'second', input: 'increment' };

function bodyText(passes: number): string {
  const eachPass = `for (var part = 0; part < ${passes}; part++) {
      let column = across + part * ${COLUMNS};`;
  const gelu = (x: string) => `activation(${x}, ${ACTIVATIONS.gelu})`;
  return `  var all: array<${SUMS}, ${passes}>;
  for (var first = 0; first < params.wide; first += ${COLUMNS}) {
    let middle = first + across;
    if (middle < params.wide) {
      var y = ${SUMS}();
      ${multiply(UP, { sums: 'y', column: 'middle', first: '0', end: 'params.rank' })}
      for (var i = 0; i < ${EACH}; i++) {
        var increments = vec4<f32>();
        for (var j = 0; j < ${EACH}; j++) {
          let cached = get_preActivation(rows[i], min(middle + j, params.wide - 1));
          increments[j] = ${gelu('cached + y[i][j]')} - ${gelu('cached')};
        }
        keep_increment(row + i, middle, increments);
      }
    }
    workgroupBarrier();
    let end = min(first + ${COLUMNS}, params.wide);
    ${eachPass}
      if (column >= params.out_columns) { break; }
      var sums = all[part];
      ${multiply(SECOND, { sums: 'sums', column: 'column', first: 'first', end: 'end' })}
      all[part] = sums;
    }
    workgroupBarrier();
  }
  ${eachPass}
    let sums = all[part];
    ${eachSum('put(row + i, column + j, sums[i][j])')}
  }`;
}
