/**
 * What fused kernels of calibrated operations begin with: h = Wb (x - C(x)), or Wb x - Wb C(x), of 16 rows in workgroup
 * memory. Threads of a workgroup are 16 across and 4 down, each with 4 x 4 elements at a time.
 */
import type { View } from '../../../plan/types.js';
import { type Dispatch, groupsFor, type Matrix } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { BUILTINS, EACH, inputText, multiply, SUMS } from './registerTile.js';
import { takesVectors } from './vectors.js';

const ACROSS = 16;
const DOWN = 4;
const ROWS = DOWN * EACH;
/** Columns that a workgroup computes at once. */
export const COLUMNS = ACROSS * EACH;
/** Most numbers that a workgroup keeps of each row: every device has 16 KiB for them. */
export const MOST_KEPT = 16384 / 4 / ROWS;

/** What h is made of; of the cached two, those of this pair of factors and only one. */
export interface HiddenInputs {
  readonly x: Matrix;
  readonly cachedInput?: Matrix | undefined;
  readonly cachedHidden?: Matrix | undefined;
  readonly down: View;
}

/** Numbers of h that a kernel has room for: few sizes, so that ranks share kernels. */
export function roomFor(rank: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(rank, 32)));
}

/**
 * The dispatch of a kernel that makes h. `rest` is the rest of its text: functions, and `body`, which each thread runs
 * when h is made. There h is the input `hidden` of `multiply`, `row` the first row of the thread, `rows` its rows
 * within the output, and `across` its first column.
 */
export function hiddenDispatch(
  { x, cachedInput, cachedHidden, down }: HiddenInputs,
  rest: Dispatch['kernel'] & { readonly body: string } & Pick<Dispatch, 'operands' | 'numbers' | 'out'>,
  at: Lowering,
): Dispatch {
  const read = cachedInput ? { x, cachedInput } : { x };
  const names = Object.keys(read);
  const asVectors = Object.values(read).every((m) => takesVectors(m, down.columns, rest.out));
  const room = roomFor(down.rows);
  const kinds = [...names, ...(asVectors ? ['in fours'] : []), ...(cachedHidden ? ['cachedHidden'] : [])];
  return {
    kernel: {
      name: `${rest.name}, ${room} of ${kinds}`,
      matrices: [...(asVectors ? [] : names), ...(cachedHidden ? ['cachedHidden'] : []), ...rest.matrices],
      vectors: [...(asVectors ? names : []), 'down', ...(rest.vectors ?? [])],
      integers: ['depth', 'rank', ...rest.integers],
      floats: rest.floats,
      text: [
        inputText(names, asVectors),
        keptText('hidden', room),
        rest.text,
        mainText(cachedHidden !== undefined, rest.body),
      ].join('\n'),
    },
    out: rest.out,
    operands: { ...read, ...(cachedHidden && { cachedHidden }), down: at.transposed(down), ...rest.operands },
    numbers: { depth: down.columns, rank: down.rows, ...rest.numbers },
    groups: groupsFor({ rows: rest.out.rows, columns: 1 }, ROWS, 1),
  };
}

/** Workgroup memory for so many numbers of each row, an input of `multiply`, and `keep_<name>`, which fills it. */
export function keptText(name: string, room: number): string {
  const place = `row % ${ROWS} * ${room / 4} + k % ${room} / 4`;
  return `var<workgroup> ${name}s: array<vec4<f32>, ${(ROWS * room) / 4}>;
fn ${name}4(row: i32, k: i32) -> vec4<f32> { return ${name}s[${place}]; }
fn ${name}(row: i32, k: i32) -> f32 { return ${name}4(row, k)[k % 4]; }
fn keep_${name}(row: i32, k: i32, numbers: vec4<f32>) { ${name}s[${place}] = numbers; }`;
}

function mainText(hasCachedHidden: boolean, body: string): string {
  const cached = [0, 1, 2, 3].map((j) => `get_cachedHidden(rows[i], min(column + ${j}, params.rank - 1))`);
  const less = hasCachedHidden ? ` - vec4<f32>(${cached.join(', ')})` : '';
  return `@compute @workgroup_size(${ACROSS}, ${DOWN}, 1)
fn main(
${BUILTINS}
) {
  let row = i32((group.z * groups.y + group.y) * ${DOWN}u + local.y) * ${EACH};
  let rows = min(row + vec4<i32>(0, 1, 2, 3), vec4<i32>(params.out_rows - 1));
  let across = i32(local.x) * ${EACH};
  for (var column = across; column < params.rank; column += ${COLUMNS}) {
    var sums = ${SUMS}();
    ${multiply({ weight: 'down', input: 'input' }, { sums: 'sums', column: 'column', first: '0', end: 'params.depth' })}
    for (var i = 0; i < ${EACH}; i++) { keep_hidden(row + i, column, sums[i]${less}); }
  }
  workgroupBarrier();
${body}
}`;
}
