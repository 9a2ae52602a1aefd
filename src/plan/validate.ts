/** Checks a plan, whoever made it: shapes, element types, roles, and that nothing is read before it is written. */
import { PlanError } from '../errors.js';
import { clashes } from './aliasing.js';
import { cutOf, eachBatch, extentOf, MOST_BATCHES } from './batches.js';
import {
  type AttributeField,
  entriesOf,
  type Field,
  isOperand,
  isOptional,
  type ListField,
  MOST,
  type OpSchema,
} from './fields.js';
import { type Operand, operandsOf } from './operands.js';
import { Region } from './region.js';
import { OP_NAMES, type Op, schemaOf } from './schema.js';
import { shapesOf } from './shapes.js';
import {
  type BufferType,
  FLOAT_TYPES,
  is16Bit,
  type Plan,
  type PlanBuffer,
  type PlanStep,
  ROW_SCALED_TYPES,
  type View,
} from './types.js';

/** The most elements of a buffer: 2^38 bytes are beyond any device that this runs on. */
const MOST_ELEMENTS = 2 ** 36;

const OPERAND_TYPES: Readonly<Record<string, readonly BufferType[]>> = {
  float: FLOAT_TYPES,
  rows: [...FLOAT_TYPES, ...ROW_SCALED_TYPES],
  integer: ['i32'],
};

/** Throws a `PlanError` that names the operation and the operand, and states both shapes. */
export function validatePlan(plan: Plan): void {
  checkBuffers(plan.buffers);
  const written = new Map<number, Region>();
  for (const [place, step] of plan.ops.entries()) new OpCheck(plan, step, place).run(written);
}

function checkBuffers(buffers: readonly PlanBuffer[]): void {
  const names = new Set<string>();
  for (const [id, buffer] of buffers.entries()) {
    const what = `buffer ${id} ('${buffer.name}')`;
    if (names.has(buffer.name)) throw new PlanError(`${what}: the name is taken by another buffer`);
    names.add(buffer.name);
    for (const field of ['rows', 'columns'] as const) {
      const size = buffer[field];
      if (!Number.isSafeInteger(size) || size < 1 || size > MOST)
        throw new PlanError(`${what}: ${field} is ${size}; expected an integer from 1 to 2^30`);
    }
    if (buffer.rows * buffer.columns > MOST_ELEMENTS)
      throw new PlanError(
        `${what}: it is ${buffer.rows} x ${buffer.columns}; expected at most 2^36 elements`,
      );
    if (buffer.type === 'i32' && buffer.role !== 'input')
      throw new PlanError(`${what}: only inputs may hold i32, not a ${buffer.role}`);
    if (buffer.type === 'e4m3' && buffer.role !== 'state')
      throw new PlanError(`${what}: only states may hold e4m3, not a ${buffer.role}`);
    if (is16Bit(buffer.type) && buffer.role !== 'state' && buffer.role !== 'temporary')
      throw new PlanError(
        `${what}: only states and temporaries may hold ${buffer.type}, not a ${buffer.role}`,
      );
  }
}

/** The checks of one operation. */
class OpCheck {
  readonly #plan: Plan;
  readonly #op: Op;
  readonly #layer: string;
  readonly #place: number;

  constructor(plan: Plan, { layer, op }: PlanStep, place: number) {
    this.#plan = plan;
    this.#op = op;
    this.#layer = layer;
    this.#place = place;
  }

  run(written: Map<number, Region>): void {
    if (!OP_NAMES.includes(this.#op.op)) this.#fail(`unknown operation '${this.#op.op}'`);
    const schema = schemaOf(this.#op.op);
    this.#fields(schema.fields, this.#op as unknown as Values, '');
    const { reads, writes } = operandsOf(this.#op);
    const operands = [...reads, ...writes];
    for (const operand of operands) this.#inside(operand);
    for (const operand of reads) this.#readable(operand, written);
    for (const operand of writes) this.#writable(operand);
    for (const operand of operands) this.#type(operand);
    this.#oneHalfType(operands);
    this.#given(schema);
    shapesOf(this.#op, (problem) => this.#fail(problem));
    cutOf(this.#op, (problem) => this.#fail(problem));
    this.#aliasing(operands, writes);
    for (const { view } of writes) {
      const region = written.get(view.buffer) ?? new Region();
      written.set(view.buffer, region);
      for (const batch of eachBatch(view)) region.add(batch);
    }
  }

  #fail(problem: string): never {
    const layer = this.#layer ? ` of ${this.#layer}` : '';
    throw new PlanError(`op ${this.#place} (${this.#op.op}${layer}): ${problem}`);
  }

  #buffer(view: View): PlanBuffer {
    return this.#plan.buffers[view.buffer]!;
  }

  /** Fields that are needed are there, and attributes are what they may be. */
  #fields(fields: OpSchema['fields'], values: Values, prefix: string): void {
    for (const [key, field] of entriesOf(fields)) {
      const name = prefix + key;
      const value = values[key];
      if (value === undefined && !isOptional(field)) this.#fail(`${name} is missing`);
      if (field.kind === 'list') this.#list(name, field, value as readonly Values[]);
      else if (!isOperand(field) && value !== undefined) this.#attribute(name, field, value);
    }
  }

  #list(name: string, { items, least, most }: ListField, values: readonly Values[]): void {
    const expected = most === Number.POSITIVE_INFINITY ? `at least ${least}` : range(least, most);
    if (values.length < least || values.length > most)
      this.#fail(`${name} has ${values.length} of them; expected ${expected}`);
    for (const [i, value] of values.entries())
      this.#fields(items[i] ?? items.at(-1)!, value, `${name}[${i}].`);
  }

  #attribute(name: string, field: AttributeField, value: unknown): void {
    const fail = (expected: string) => this.#fail(`${name} is ${describe(value)}; expected ${expected}`);
    if (field.kind === 'choice') {
      if (!field.choices.includes(value as string)) fail(anyOf(field.choices));
    } else if (field.kind === 'integer') {
      const whole = Number.isSafeInteger(value) && (value as number) >= field.least;
      if (!whole || (value as number) > field.most) fail(`an integer from ${range(field.least, field.most)}`);
    } else if (!Number.isFinite(value) || (field.positive && (value as number) <= 0)) {
      fail(field.positive ? 'a positive number' : 'a finite number');
    }
  }

  /** Operands that belong to a value of an attribute, and those of which one is given. */
  #given({ fields, exactlyOne }: OpSchema): void {
    const values = this.#op as unknown as Values;
    const given = (name: string) => values[name] !== undefined;
    if (exactlyOne && exactlyOne.filter(given).length !== 1)
      this.#fail(`expected exactly one of ${exactlyOne.join(' and ')}`);
    for (const [attribute, choice] of entriesOf(fields)) {
      if (choice.kind !== 'choice') continue;
      const value = String(values[attribute] ?? choice.choices[0]);
      const needed = dependents(fields, attribute, (values) => values.includes(value));
      const others = dependents(fields, attribute, (values) => !values.includes(value));
      if (!needed.every(given)) this.#fail(`${attribute} ${value} needs ${needed.join(' and ')}`);
      if (others.some(given)) this.#fail(`${attribute} ${value} takes ${none(others)}`);
    }
    for (const [divisor, multiples] of Object.entries(schemaOf(this.#op.op).divides ?? {})) {
      const sizes = multiples.map((name) => values[name] as number);
      if (sizes.some((size) => size % (values[divisor] as number) !== 0))
        this.#fail(`${divisor} ${values[divisor]} does not divide ${sizes.join(' x ')}`);
    }
  }

  #inside({ name, view }: Operand): void {
    const buffer = this.#plan.buffers[view.buffer];
    if (!buffer) this.#fail(`${name} names buffer ${view.buffer}, of ${this.#plan.buffers.length}`);
    this.#batches(name, view);
    const spans = [
      [view.row, extentOf(view), buffer.rows, 'rows'],
      [view.column, view.columns, buffer.columns, 'columns'],
    ] as const;
    for (const [start, count, size, unit] of spans) {
      const whole = Number.isSafeInteger(start) && Number.isSafeInteger(count);
      if (!whole || start < 0 || count < 1 || start + count > size)
        this.#fail(`${name} takes ${count} ${unit} from ${start} of '${buffer.name}', which has ${size}`);
    }
  }

  #batches(name: string, view: View): void {
    const { rows, batches = 1, batchStride = 0 } = view;
    if (!isInteger(batches, 1, MOST_BATCHES))
      this.#fail(`${name} has ${batches} batches; expected an integer from 1 to ${MOST_BATCHES}`);
    if (rows % batches !== 0)
      this.#fail(`${name} has ${rows} rows in ${batches} batches; expected a multiple`);
    const least = batches === 1 ? 0 : rows / batches;
    if (!isInteger(batchStride, least, MOST))
      this.#fail(`${name} has batches ${batchStride} rows apart; expected an integer from ${least} to 2^30`);
  }

  #readable({ name, view }: Operand, written: ReadonlyMap<number, Region>): void {
    const buffer = this.#buffer(view);
    if (buffer.role !== 'temporary' && buffer.role !== 'output') return;
    const region = written.get(view.buffer);
    if (!region) this.#fail(`${name} reads '${buffer.name}' before it is written`);
    for (const batch of eachBatch(view)) {
      const gap = region.missing(batch);
      if (gap)
        this.#fail(
          `${name} reads '${buffer.name}' before ${span('row', gap.row, gap.rows)} of ${span('column', gap.column, gap.columns)} are written`,
        );
    }
  }

  #writable({ name, view }: Operand): void {
    const { role, name: buffer } = this.#buffer(view);
    if (role === 'weight' || role === 'input')
      this.#fail(`${name} writes to '${buffer}', which is a ${role}`);
  }

  #type({ name, view, field }: Operand): void {
    const { type, role, columns, name: buffer } = this.#buffer(view);
    const expected = OPERAND_TYPES[field.types ?? 'float']!;
    if (!expected.includes(type))
      this.#fail(`${name} is ${type} ('${buffer}'); expected ${expected.join(', ')}`);
    // A row of e4m3 has one scale, which is found at its beginning.
    if (type === 'e4m3' && view.columns !== columns)
      this.#fail(`${name} takes ${view.columns} of the ${columns} columns of '${buffer}', which is e4m3`);
    if (field.weight && role !== 'weight')
      this.#fail(`${name} is '${buffer}', of role ${role}; expected a weight`);
  }

  /** No kernel converts between 16-bit types. */
  #oneHalfType(operands: readonly Operand[]): void {
    let first: PlanBuffer | undefined;
    for (const { view } of operands) {
      const buffer = this.#buffer(view);
      if (!is16Bit(buffer.type)) continue;
      first ??= buffer;
      if (buffer.type !== first.type)
        this.#fail(
          `'${first.name}' is ${first.type} and '${buffer.name}' ${buffer.type}; expected one 16-bit type`,
        );
    }
  }

  /** A write may coincide exactly with an operand that is read element by element, and overlap no other. */
  #aliasing(operands: readonly Operand[], writes: readonly Operand[]): void {
    for (const write of writes)
      for (const other of operands)
        if (other !== write && clashes(write, other))
          this.#fail(`${write.name} overlaps ${other.name} in '${this.#buffer(write.view).name}'`);
  }
}

type Values = Readonly<Record<string, unknown>>;

/** Names of the operands that are given where `attribute` has values that fit. */
function dependents(
  fields: Readonly<Record<string, Field>>,
  attribute: string,
  fits: (values: readonly string[]) => boolean,
): string[] {
  return entriesOf(fields)
    .filter(([, field]) => isOperand(field) && field.when?.[0] === attribute && fits(field.when.slice(1)))
    .map(([name]) => name);
}

function isInteger(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? `'${value}'` : String(value);
}

/** `rows 2 to 5`, both among them. */
function span(unit: string, first: number, count: number): string {
  return `${unit}s ${first} to ${first + count - 1}`;
}

function range(least: number, most: number): string {
  if (least === most) return String(least);
  return `${least} to ${most === MOST ? '2^30' : most}`;
}

/** `no gate`, or `neither gate nor residual`. */
function none(names: readonly string[]): string {
  return names.length === 1 ? `no ${names[0]}` : `neither ${names.join(' nor ')}`;
}

function anyOf(choices: readonly (string | number)[]): string {
  return `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
}
