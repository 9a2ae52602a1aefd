/** Kernels that gpu.js translated, ready to be dispatched: a thread computes an element of the output. */
import { type Dispatch, groupsFor, type Kernel, type Matrix } from './kernel.js';
import { TRANSLATED } from './translated.js';

type Translated = typeof TRANSLATED;
export type TranslatedName = keyof Translated;

const ROWS = 4;
const COLUMNS = 16;

/** What a translated body expects around it. */
function kernelText(body: string): string {
  return `var<private> threadGid: vec3<u32>;
fn give(value: f32) {
  put(i32(threadGid.y), i32(threadGid.x), value);
}
@compute @workgroup_size(${COLUMNS}, ${ROWS}, 1)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_id) local: vec3<u32>,
) {
  let row = (group.z * groups.y + group.y) * ${ROWS}u + local.y;
  threadGid = vec3<u32>(group.x * ${COLUMNS}u + local.x, row, 0u);
  if (threadGid.x >= u32(params.out_columns) || row >= u32(params.out_rows)) { return; }
${body}
}`;
}

const KERNELS: ReadonlyMap<string, Kernel> = new Map(
  Object.entries(TRANSLATED).map(([name, { body, ...operands }]) => [
    name,
    { name, ...operands, text: kernelText(body) },
  ]),
);

export type OperandsOf<N extends TranslatedName> = Readonly<
  Record<Translated[N]['matrices'][number], Matrix>
>;
export type NumbersOf<N extends TranslatedName> = Readonly<
  Record<Translated[N]['integers'][number] | Translated[N]['floats'][number], number>
>;

export function translated<N extends TranslatedName>(
  name: N,
  out: Matrix,
  operands: OperandsOf<N>,
  numbers: NumbersOf<N>,
): Dispatch {
  return { kernel: KERNELS.get(name)!, out, operands, numbers, groups: groupsFor(out, ROWS, COLUMNS) };
}
