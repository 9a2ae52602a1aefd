/**
 * Products in WGSL: every thread computes 4 x 4 elements, a vec4 of the weight serves four rows, and four columns of
 * x a row.
 */
import { type Dispatch, groupsFor } from '../kernel.js';
import type { Lowering, ProductForm } from '../lowering.js';
import type { Product } from '../products.js';
import { ENDING, endingOf } from './epilogue.js';
import { four, takesVectors } from './vectors.js';

/** Rows and columns that a thread computes. */
const EACH = 4;

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
      matrices: [...(asVectors ? [] : names), ...ENDING.matrices],
      vectors: [...(asVectors ? names : []), 'weight'],
      integers: ['depth', ...ENDING.integers],
      floats: ENDING.floats,
      text: [inputText(names, asVectors), ENDING.text, form === 'workgroup' ? WORKGROUP : REGISTERS].join(
        '\n',
      ),
    },
    out: p.out,
    operands: { ...inputs, weight: at.transposed(p.weight), ...end.operands },
    numbers: { depth, ...end.numbers },
    groups: groupsFor(p.out, side * EACH, side * EACH),
  };
}

/** `input4(row, k)`: columns k to k + 3 of a row of x - minus; `input(row, k)`: one of them, where x has no fours. */
function inputText(names: readonly string[], asVectors: boolean): string {
  const difference = (term: (name: string) => string) => names.map(term).join(' - ');
  const one = (name: string) => `get_${name}(row, k)`;
  const gathered = [0, 1, 2, 3].map((i) => `input(row, k + ${i})`).join(', ');
  return asVectors
    ? `fn input4(row: i32, k: i32) -> vec4<f32> { return ${difference((name) => four(name, 'row', 'k'))}; }
fn input(row: i32, k: i32) -> f32 { return input4(row, k)[k % 4]; }`
    : `fn input(row: i32, k: i32) -> f32 { return ${difference(one)}; }
fn input4(row: i32, k: i32) -> vec4<f32> { return vec4<f32>(${gathered}); }`;
}

const FOUR = [0, 1, 2, 3] as const;

/** Writes the sums of a thread, a vec4 for each of its rows. */
const WRITE = `  for (var i = 0; i < ${EACH}; i++) {
    if (row + i >= params.out_rows) { break; }
    for (var j = 0; j < ${EACH}; j++) {
      if (column + j < params.out_columns) { finish(row + i, column + j, sums[i][j]); }
    }
  }`;

const BUILTINS = `  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,`;

/** Operands go from memory to registers. */
const REGISTERS = `@compute @workgroup_size(8, 8, 1)
fn main(
${BUILTINS}
) {
  let row = i32((group.z * groups.y + group.y) * 8u + local.y) * ${EACH};
  let column = i32(group.x * 8u + local.x) * ${EACH};
  if (row >= params.out_rows || column >= params.out_columns) { return; }
  let last = params.out_rows - 1;
  let rows = vec4<i32>(row, min(row + 1, last), min(row + 2, last), min(row + 3, last));
  var sums: array<vec4<f32>, ${EACH}>;
  var at = params.weight_offset + column / 4;
  let whole = params.depth / 4 * 4;
  for (var k = 0; k < whole; k += 4) {
    let w0 = weight[at];
    let w1 = weight[at + params.weight_stride];
    let w2 = weight[at + 2 * params.weight_stride];
    let w3 = weight[at + 3 * params.weight_stride];
    at += 4 * params.weight_stride;
${FOUR.map((i) => `    let x${i} = input4(rows[${i}], k);`).join('\n')}
${FOUR.map((i) => `    sums[${i}] += ${FOUR.map((k) => `x${i}[${k}] * w${k}`).join(' + ')};`).join('\n')}
  }
  for (var k = whole; k < params.depth; k++) {
    let w = weight[at];
    at += params.weight_stride;
${FOUR.map((i) => `    sums[${i}] += input(rows[${i}], k) * w;`).join('\n')}
  }
${WRITE}
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
  var sums: array<vec4<f32>, ${EACH}>;
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
${WRITE}
}`;
