/** What products in WGSL have in common: a thread computes 4 x 4 elements. */
import { four } from './vectors.js';

/** Rows and columns that a thread computes. */
export const EACH = 4;
/** To unroll loops over them. */
export const FOUR = [0, 1, 2, 3] as const;

export const BUILTINS = `  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,`;

/**
 * The type of a thread's sums: four columns for each of its rows. Those of a loop are set to `${SUMS}()`: without that
 * they kept what the round before had left, on SwiftShader.
 */
export const SUMS = `array<vec4<f32>, ${EACH}>`;

interface Factors {
  readonly weight: string;
  /** Has functions `<input>4(row, k)` and `<input>(row, k)`, as those of `inputText`. */
  readonly input: string;
}

interface Place {
  /** What the products are added to, of type `SUMS`. */
  readonly sums: string;
  readonly column: string;
  /** The first term, a multiple of 4, and the one behind the last. */
  readonly first: string;
  readonly end: string;
}

/**
 * Statements that add the products of `rows`, four rows of an input, with four columns of a transposed weight. Operands
 * go from where they are to registers: a vec4 of the weight for four rows, and four columns of a row of the input. A
 * function that is given the sums by reference takes SwiftShader 7 to 9 % longer.
 */
export function multiply({ weight, input }: Factors, { sums, column, first, end }: Place): string {
  return `{
    var at = params.${weight}_offset + ${first} * params.${weight}_stride + ${column} / 4;
    let whole = ${end} / 4 * 4;
    for (var k = ${first}; k < whole; k += 4) {
${FOUR.map((i) => `      let w${i} = ${weight}[at + ${i} * params.${weight}_stride];`).join('\n')}
      at += 4 * params.${weight}_stride;
${FOUR.map((i) => `      let x${i} = ${input}4(rows[${i}], k);`).join('\n')}
${FOUR.map((i) => `      ${sums}[${i}] += ${FOUR.map((k) => `x${i}[${k}] * w${k}`).join(' + ')};`).join('\n')}
    }
    for (var k = whole; k < ${end}; k++) {
      let w = ${weight}[at];
      at += params.${weight}_stride;
${FOUR.map((i) => `      ${sums}[${i}] += ${input}(rows[${i}], k) * w;`).join('\n')}
    }
  }`;
}

/**
 * `input4(row, k)`: columns k to k + 3 of a row of x, or of x - minus, in fours where the operands have them;
 * `input(row, k)`: one of them.
 */
export function inputText(names: readonly string[], asVectors: boolean): string {
  const difference = (term: (name: string) => string) => names.map(term).join(' - ');
  const one = (name: string) => `get_${name}(row, k)`;
  const gathered = FOUR.map((i) => `input(row, k + ${i})`).join(', ');
  return asVectors
    ? `fn input4(row: i32, k: i32) -> vec4<f32> { return ${difference((name) => four(name, 'row', 'k'))}; }
fn input(row: i32, k: i32) -> f32 { return input4(row, k)[k % 4]; }`
    : `fn input(row: i32, k: i32) -> f32 { return ${difference(one)}; }
fn input4(row: i32, k: i32) -> vec4<f32> { return vec4<f32>(${gathered}); }`;
}

/** Does something with each of a thread's sums that is within the output; its first is at (`row`, `column`). */
export function eachSum(act: string): string {
  return `for (var i = 0; i < ${EACH}; i++) {
    if (row + i >= params.out_rows) { break; }
    for (var j = 0; j < ${EACH}; j++) {
      if (column + j < params.out_columns) { ${act}; }
    }
  }`;
}

/** The end of a product with a bias. */
export const FINISH_BIASED = eachSum('finish(row + i, column + j, sums[i][j] + get_bias(0, column + j))');
