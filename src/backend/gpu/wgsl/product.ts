/** Products in WGSL, in two forms. */

import type { ProductForm } from '../forms.js';
import { type Dispatch, groupsFor } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import type { Product } from '../products.js';
import { ENDING, endingOf } from './epilogue.js';
import { BUILTINS, EACH, FINISH_BIASED, FOUR, inputText, multiply, SUMS } from './registerTile.js';
import { takesVectors } from './vectors.js';

type Form = Exclude<ProductForm, 'translated'>;

export function productDispatch(p: Product, form: Form, at: Lowering): Dispatch {
  const end = endingOf(p, at);
  const inputs = p.minus ? { x: p.x, minus: p.minus } : { x: p.x };
  const names = Object.keys(inputs);
  const depth = p.weight.columns;
  const asVectors = Object.values(inputs).every((m) => takesVectors(m, depth, p.out));
  const side = form === 'workgroup' ? 16 : 8;
  return {
    kernel: {
      name: `product ${form} of ${names}${asVectors ? ' in fours' : ''}`,
      matrices: [...(asVectors ? [] : names), 'bias', ...ENDING.matrices],
      vectors: [...(asVectors ? names : []), 'weight'],
      integers: ['depth', ...ENDING.integers],
      floats: ENDING.floats,
      text: [inputText(names, asVectors), ENDING.text, form === 'workgroup' ? WORKGROUP : REGISTERS].join(
        '\n',
      ),
    },
    out: p.out,
    operands: {
      ...inputs,
      weight: at.transposed(p.weight),
      bias: p.bias ?? at.constant(0),
      ...end.operands,
    },
    numbers: { depth, ...end.numbers },
    groups: groupsFor(p.out, side * EACH, side * EACH),
  };
}

/** Operands go from memory to registers. */
const REGISTERS = `@compute @workgroup_size(8, 8, 1)
fn main(
${BUILTINS}
) {
  let row = i32((group.z * groups.y + group.y) * 8u + local.y) * ${EACH};
  let column = i32(group.x * 8u + local.x) * ${EACH};
  if (row >= params.out_rows || column >= params.out_columns) { return; }
  let rows = min(row + vec4<i32>(0, 1, 2, 3), vec4<i32>(params.out_rows - 1));
  var sums: ${SUMS};
  ${multiply({ weight: 'weight', input: 'input' }, { sums: 'sums', column: 'column', first: '0', end: 'params.depth' })}
  ${FINISH_BIASED}
}`;

const DEEP = 16;
const TILE = 64;

/** Operands go through workgroup memory: tiles of 64 rows, 64 columns and 16 terms, each number loaded once a tile. */
const WORKGROUP = `var<workgroup> xs: array<f32, ${TILE * DEEP}>;
var<workgroup> ws: array<vec4<f32>, ${(TILE * DEEP) / 4}>;
@compute @workgroup_size(16, 16, 1)
fn main(
${BUILTINS}
  @builtin(local_invocation_index) index: u32,
) {
  let firstRow = i32(group.z * groups.y + group.y) * ${TILE};
  let firstColumn = i32(group.x) * ${TILE};
  let row = firstRow + i32(local.y) * ${EACH};
  let column = firstColumn + i32(local.x) * ${EACH};
  // What this thread brings of each tile: four terms of a row of x, and four columns of a row of the weight.
  let xRow = i32(index) / 4;
  let xTerm = i32(index) % 4 * 4;
  let wTerm = i32(index) / 16;
  let wColumn = i32(index) % 16;
  var sums: ${SUMS};
  for (var first = 0; first < params.depth; first += ${DEEP}) {
    var x = vec4<f32>();
    let k = first + xTerm;
    if (firstRow + xRow < params.out_rows) {
      if (k + 4 <= params.depth) { x = input4(firstRow + xRow, k); } else {
        for (var i = 0; k + i < params.depth; i++) { x[i] = input(firstRow + xRow, k + i); }
      }
    }
    for (var i = 0; i < 4; i++) { xs[(xTerm + i) * ${TILE} + xRow] = x[i]; }
    var w = vec4<f32>();
    if (first + wTerm < params.depth && firstColumn + wColumn * 4 < params.out_columns) {
      w = weight[params.weight_offset + (first + wTerm) * params.weight_stride + firstColumn / 4 + wColumn];
    }
    ws[wTerm * 16 + wColumn] = w;
    workgroupBarrier();
    for (var t = 0; t < ${DEEP}; t++) {
      let w4 = ws[t * 16 + i32(local.x)];
      let at = t * ${TILE} + i32(local.y) * ${EACH};
${FOUR.map((i) => `      sums[${i}] += xs[at + ${i}] * w4;`).join('\n')}
    }
    workgroupBarrier();
  }
  ${FINISH_BIASED}
}`;
