/** How random one-operation plans are made: shapes that fit no tile, operands that are views into larger buffers. */
import { PlanError } from '../../../src/errors.js';
import { mapViews, operandsOf } from '../../../src/plan/operands.js';
import type { Op, Plan, PlanBuffer, View } from '../../../src/plan/types.js';
import { validatePlan } from '../../../src/plan/validate.js';
import type { Random } from '../../support/random.js';

export interface ConformanceCase {
  readonly plan: Plan;
  /** Host values of every weight, input and state buffer, by name. */
  readonly values: ReadonlyMap<string, Float32Array | Int32Array>;
  /** Largest relative L2 error of the written views against float64. */
  readonly tolerance: number;
  /** The same without batches, where views have some. */
  readonly plain?: ConformanceCase;
}

/** Makes random cases of one operation. */
export type CaseMaker = (random: Random) => ConformanceCase;

/** Collects the buffers of a case and their values; views in, a checked plan of one operation out. */
export class CaseBuilder {
  readonly #buffers: PlanBuffer[] = [];
  readonly #values = new Map<string, Float32Array | Int32Array>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  weight(rows: number, columns: number, scale = 1 / Math.sqrt(columns)): View {
    return this.#view('weight', rows, columns, (count) => this.#random.normals(count, scale));
  }

  /** Everything a case reads or writes besides weights is state, so that guard bands can be inspected. */
  state(rows: number, columns: number, scale = 1): View {
    return this.#view('state', rows, columns, (count) => this.#random.normals(count, scale));
  }

  /** A state whose values are those of `view`, moved a little: a cached tensor of the step before. */
  near(view: View, amount: number): View {
    const buffer = this.#buffers[view.buffer]!;
    const values = this.#values.get(buffer.name)!;
    const moved = new Float32Array(values).map((value) => value + amount * this.#random.normal());
    return { ...view, buffer: this.#add({ ...buffer, role: 'state' }, moved) };
  }

  /** A bias that masks some columns of each row, never the first: by -inf or by the lowest finite number. */
  padding(rows: number, columns: number): View {
    const view = this.state(rows, columns);
    const { name, columns: stride } = this.#buffers[view.buffer]!;
    const values = this.#values.get(name)!;
    const share = this.#random.uniform();
    for (let i = view.row; i < view.row + rows; i++)
      for (let j = view.column + 1; j < view.column + columns; j++)
        if (this.#random.uniform() < share)
          values[i * stride + j] = this.#random.pick([Number.NEGATIVE_INFINITY, -3.4028234663852886e38]);
    return view;
  }

  poisoned(rows: number, columns: number): View {
    return this.#view('state', rows, columns, (count) => new Float32Array(count).fill(Number.NaN));
  }

  integers(rows: number, minimum: number, maximum: number): View {
    const values = Int32Array.from({ length: rows }, () => this.#random.integer(minimum, maximum));
    const buffer = this.#add({ role: 'input', type: 'i32', rows, columns: 1 }, values);
    return { buffer, row: 0, rows, column: 0, columns: 1 };
  }

  finish(op: Op, tolerance: number): ConformanceCase {
    const plain = { plan: this.#plan(op), values: new Map(this.#values), tolerance };
    validatePlan(plain.plan);
    const inBatches = this.#random.uniform() < 0.3 ? this.#inBatches(op) : op;
    if (inBatches === op) return plain;
    return { plan: this.#plan(inBatches), values: this.#values, tolerance, plain };
  }

  #plan(op: Op): Plan {
    return { name: `one ${op.op}`, buffers: [...this.#buffers], ops: [{ layer: '', op }] };
  }

  /** Some of the views become several batches of rows with other rows between them, where the operation takes that. */
  #inBatches(op: Op): Op {
    const { reads, writes } = operandsOf(op);
    let result = op;
    for (const buffer of new Set([...reads, ...writes].map(({ view }) => view.buffer))) {
      if (this.#random.uniform() < 0.5) continue;
      const { view } = [...reads, ...writes].find((operand) => operand.view.buffer === buffer)!;
      const divisors = Array.from({ length: 8 }, (_, i) => i + 2).filter((n) => view.rows % n === 0);
      if (divisors.length === 0) continue;
      const batches = this.#random.pick(divisors);
      const gap = this.#random.integer(0, 3);
      const parted = { ...view, batches, batchStride: view.rows / batches + gap };
      const known = this.#buffers[buffer]!;
      this.#buffers[buffer] = { ...known, rows: known.rows + (batches - 1) * gap };
      const tried = mapViews(result, (each) => (each.buffer === buffer ? parted : each)) as Op;
      if (isValid(this.#plan(tried))) {
        this.#part(known, parted, gap);
        result = tried;
      } else this.#buffers[buffer] = known;
    }
    return result;
  }

  /** Puts `gap` rows of ones between the batches of a view of a buffer that had none. */
  #part({ name, columns }: PlanBuffer, view: View, gap: number): void {
    const values = this.#values.get(name)!;
    const size = (view.rows / view.batches!) * columns;
    const spread = new Float32Array(values.length + (view.batches! - 1) * gap * columns).fill(1);
    const start = view.row * columns;
    spread.set(values.subarray(0, start));
    for (let batch = 0; batch < view.batches!; batch++) {
      const first = start + batch * size;
      spread.set(values.subarray(first, first + size), first + batch * gap * columns);
    }
    const end = (view.row + view.rows) * columns;
    spread.set(values.subarray(end), end + (view.batches! - 1) * gap * columns);
    this.#values.set(name, spread);
  }

  /** Half of the views lie inside a larger buffer, with rows and columns around them. */
  #view(
    role: 'weight' | 'state',
    rows: number,
    columns: number,
    fill: (count: number) => Float32Array,
  ): View {
    const margin = () => (this.#random.uniform() < 0.5 ? 0 : this.#random.integer(0, 7));
    const [row, column, below, right] = [margin(), margin(), margin(), margin()];
    const size = { rows: row + rows + below, columns: column + columns + right };
    const values = fill(size.rows * size.columns);
    const buffer = this.#add({ role, type: 'f32', ...size }, values);
    return { buffer, row, rows, column, columns };
  }

  #add(buffer: Omit<PlanBuffer, 'name'>, values: Float32Array | Int32Array): number {
    const { role, type, rows, columns } = buffer;
    const name = `b${this.#buffers.length}`;
    this.#values.set(name, values);
    return this.#buffers.push({ name, role, type, rows, columns }) - 1;
  }
}

function isValid(plan: Plan): boolean {
  try {
    validatePlan(plan);
    return true;
  } catch (error) {
    if (error instanceof PlanError) return false;
    throw error;
  }
}

/** Images and tokens of an image, so that their product is the number of rows. */
export function rowsOf(random: Random): { images: number; rows: number } {
  const images = random.integer(1, 3);
  return { images, rows: images * random.integer(1, 47) };
}
