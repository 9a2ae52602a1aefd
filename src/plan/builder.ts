/** Builds plans: hands out buffers, appends operations, and drops what nothing reads. */
import { PlanError } from '../errors.js';
import { operandsOf } from './operands.js';
import type {
  BufferRole,
  BufferType,
  FloatType,
  Op,
  Plan,
  PlanBuffer,
  PlanStep,
  RowScaledType,
  View,
} from './types.js';
import { validatePlan } from './validate.js';

export class PlanBuilder {
  readonly #name: string;
  readonly #buffers: PlanBuffer[] = [];
  readonly #named = new Map<string, number>();
  readonly #steps: PlanStep[] = [];
  #layer = '';

  constructor(name: string) {
    this.#name = name;
  }

  /** Operations that follow belong to this layer of the model. */
  layer(name: string): void {
    this.#layer = name;
  }

  /** A constant taken from the model's tensors; the same name gives the same buffer. */
  weight(name: string, rows: number, columns: number): View {
    return this.#declare(name, 'weight', 'f32', rows, columns);
  }

  input(name: string, rows: number, columns: number, type: BufferType = 'f32'): View {
    return this.#declare(name, 'input', type, rows, columns);
  }

  output(name: string, rows: number, columns: number): View {
    return this.#declare(name, 'output', 'f32', rows, columns);
  }

  /** A buffer that outlives the run, shared by name with other plans. */
  state(name: string, rows: number, columns: number, type: FloatType | RowScaledType = 'f32'): View {
    return this.#declare(name, 'state', type, rows, columns);
  }

  temporary(rows: number, columns: number, type: FloatType = 'f32'): View {
    return this.#declare(`t${this.#buffers.length}`, 'temporary', type, rows, columns);
  }

  typeOf({ buffer }: View): BufferType {
    return this.#buffers[buffer]!.type;
  }

  append(op: Op): void {
    this.#steps.push({ layer: this.#layer, op });
  }

  /** The plan, without operations whose results nobody reads, validated. */
  build(): Plan {
    const plan = renumber(this.#name, this.#buffers, live(this.#buffers, this.#steps));
    validatePlan(plan);
    return plan;
  }

  #declare(name: string, role: BufferRole, type: BufferType, rows: number, columns: number): View {
    const whole = { row: 0, rows, column: 0, columns };
    const known = this.#named.get(name);
    if (known !== undefined) {
      const buffer = this.#buffers[known]!;
      if (buffer.role !== role || buffer.type !== type || buffer.rows !== rows || buffer.columns !== columns)
        throw new PlanError(
          `buffer '${name}' is declared twice: ${buffer.role} ${buffer.type} ${buffer.rows} x ${buffer.columns}, then ${role} ${type} ${rows} x ${columns}`,
        );
      return { buffer: known, ...whole };
    }
    this.#named.set(name, this.#buffers.length);
    this.#buffers.push({ name, role, type, rows, columns });
    return { buffer: this.#buffers.length - 1, ...whole };
  }
}

/** Columns [column, column + columns) of a view. */
export function sliceColumns(view: View, column: number, columns: number): View {
  return { ...view, column: view.column + column, columns };
}

/** Rows [row, row + rows) of a view. */
export function sliceRows(view: View, row: number, rows: number): View {
  return { ...view, row: view.row + row, rows };
}

/** The operation that copies a view, between float types too. */
export function copyOp(x: View, out: View): Op {
  return { op: 'linearCombination', terms: [{ x, coefficient: 1 }], out };
}

/** Keeps the operations that an output or a state depends on, walking backwards from the last one. */
function live(buffers: readonly PlanBuffer[], steps: readonly PlanStep[]): PlanStep[] {
  const wanted = new Set<number>();
  const kept: PlanStep[] = [];
  for (const step of [...steps].reverse()) {
    const { reads, writes } = operandsOf(step.op);
    const needed = writes.some(
      ({ view }) => buffers[view.buffer]!.role !== 'temporary' || wanted.has(view.buffer),
    );
    if (!needed) continue;
    for (const { view } of reads) wanted.add(view.buffer);
    kept.push(step);
  }
  return kept.reverse();
}

/** Drops buffers that no operation names and gives the rest their places in the table. */
function renumber(name: string, buffers: readonly PlanBuffer[], steps: readonly PlanStep[]): Plan {
  const places = new Map<number, number>();
  const used: PlanBuffer[] = [];
  for (const { op } of steps) {
    const { reads, writes } = operandsOf(op);
    for (const { view } of [...reads, ...writes]) {
      if (places.has(view.buffer)) continue;
      places.set(view.buffer, used.length);
      used.push(buffers[view.buffer]!);
    }
  }
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved);
    if (typeof value !== 'object' || value === null) return value;
    const fields = Object.entries(value).map(([key, field]) => [
      key,
      key === 'buffer' ? places.get(field as number) : moved(field),
    ]);
    return Object.fromEntries(fields);
  };
  return {
    name,
    buffers: used.map((buffer, place) =>
      buffer.role === 'temporary' ? { ...buffer, name: `t${place}` } : buffer,
    ),
    ops: steps.map(({ layer, op }) => ({ layer, op: moved(op) as Op })),
  };
}
