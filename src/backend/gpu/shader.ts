/** The whole text of a shader: the declarations of its operands, and the kernel. */
import type { Dispatch, Kernel, Matrix } from './kernel.js';
import { HELPERS } from './translated.js';

/** How the operands of a dispatch reach its kernel. Dispatches of equal text share a pipeline. */
export interface Shader {
  readonly text: string;
  /** Operands with a binding of their own, from binding 2 on. Those in the buffer of the output are read through it. */
  readonly bound: readonly string[];
}

/** Binding of the numbers, and of the output. */
export const PARAMS_BINDING = 0;
export const OUTPUT_BINDING = 1;
export const FIRST_OPERAND = 2;

export function shaderOf({ kernel, out, operands }: Dispatch): Shader {
  const names = [...kernel.matrices, ...(kernel.vectors ?? [])];
  const bound = names.filter((name) => operands[name]!.slot !== out.slot);
  const declarations = bound.map(
    (name, i) =>
      `@group(0) @binding(${FIRST_OPERAND + i}) var<storage, read> ${name}: array<${elementType(kernel, name, operands[name]!)}>;`,
  );
  const text = [
    `struct Params {\n${paramNames(kernel)
      .map(([name, type]) => `  ${name}: ${type},`)
      .join('\n')}\n}`,
    `@group(0) @binding(${PARAMS_BINDING}) var<uniform> params: Params;`,
    `@group(0) @binding(${OUTPUT_BINDING}) var<storage, read_write> result: array<f32>;`,
    ...declarations,
    'const LOOP_MAX: i32 = 2147483647;',
    ...kernel.matrices.map((name) => accessor(name, bound.includes(name) ? name : 'result')),
    'fn put(row: i32, column: i32, value: f32) {',
    '  result[params.out_offset + row * params.out_stride + column] = value;',
    '}',
    HELPERS,
    kernel.text,
  ].join('\n');
  return { text, bound };
}

function elementType({ vectors }: Kernel, name: string, { type }: Matrix): string {
  return vectors?.includes(name) ? 'vec4<f32>' : type;
}

function accessor(name: string, buffer: string): string {
  const index = `params.${name}_offset + row * params.${name}_stride + column * params.${name}_step`;
  return `fn get_${name}(row: i32, column: i32) -> f32 {\n  return f32(${buffer}[${index}]);\n}`;
}

type Param = readonly [name: string, type: 'i32' | 'f32'];

/** Members of `params` in their order. */
function paramNames({ matrices, vectors = [], integers, floats }: Kernel): Param[] {
  const ofOperand = (name: string) => ['offset', 'stride', 'step'].map((part) => `${name}_${part}`);
  const whole = ['out_rows', 'out_columns', 'out_offset', 'out_stride'];
  return [
    ...[...whole, ...[...matrices, ...vectors].flatMap(ofOperand), ...integers].map(
      (name) => [name, 'i32'] as const,
    ),
    ...floats.map((name) => [name, 'f32'] as const),
  ];
}

/** Writes the numbers of a dispatch as `params` has them. */
export function writeParams({ kernel, out, operands, numbers }: Dispatch, target: DataView): void {
  let at = 0;
  const put = (value: number) => {
    target.setInt32(at, value, true);
    at += 4;
  };
  for (const value of [out.rows, out.columns, out.offset, out.stride]) put(value);
  const vectors = kernel.vectors ?? [];
  for (const name of [...kernel.matrices, ...vectors]) {
    const { offset, stride, step } = operands[name]!;
    const unit = vectors.includes(name) ? 4 : 1;
    for (const value of [offset / unit, stride / unit, step]) put(value);
  }
  for (const name of kernel.integers) put(numbers[name]!);
  for (const name of kernel.floats) {
    target.setFloat32(at, numbers[name]!, true);
    at += 4;
  }
}
