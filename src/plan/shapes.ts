/**
 * What the symbols of an operation stand for. They are found from its attributes and its views, one after the other: the first
 * view that has a symbol says what it is, those that follow must agree.
 */
import { type Expression, evaluate, expression, symbolsOf } from './expression.js';
import { entriesOf, isOperand, type ListField, type OperandField, type OpSchema } from './fields.js';
import { type Op, schemaOf } from './schema.js';
import type { View } from './types.js';

/** Told that a view does not fit, in a sentence that begins with the name of its operand. */
export type Misfit = (problem: string) => void;

type Values = Readonly<Record<string, unknown>>;

/** The shapes of `op`, whose integers are sizes. Views that do not fit are told to `misfit`, or passed over. */
export function shapesOf(op: Op, misfit: Misfit = () => {}): Shapes {
  const shapes = new Shapes(misfit);
  const schema = schemaOf(op.op);
  const values = op as unknown as Values;
  for (const [name, field] of entriesOf(schema.fields))
    if (field.kind === 'integer' || field.kind === 'choice')
      if (typeof values[name] === 'number') shapes.define(name, values[name]);
  for (const [name, text] of Object.entries(schema.symbols ?? {})) {
    const size = shapes.value(text);
    if (size < 1) misfit(`${name} is ${size}; expected at least 1`);
    shapes.define(name, size);
  }
  for (const [name, field] of inOrder(schema))
    if (field.kind === 'list') shapes.list(name, field, values[name] as readonly Values[]);
    else shapes.view(name, field, values[name] as View | undefined);
  return shapes;
}

const orders = new Map<OpSchema, [string, OperandField | ListField][]>();

/** The operands and lists of an operation; operands that use what a list decides come last. */
function inOrder(schema: OpSchema): [string, OperandField | ListField][] {
  const known = orders.get(schema);
  if (known) return known;
  const all = Object.entries(schema.fields).filter(
    (entry): entry is [string, OperandField | ListField] => isOperand(entry[1]) || entry[1].kind === 'list',
  );
  const owned = all.flatMap(([, field]) =>
    field.kind === 'list' ? [...field.owns, ...Object.keys(field.sums)] : [],
  );
  const waits = (field: OperandField | ListField) =>
    field.kind !== 'list' &&
    [field.rows, field.columns].some((text) =>
      symbolsOf(dimension(text).size).some((name) => owned.includes(name)),
    );
  const order = [...all.filter(([, field]) => !waits(field)), ...all.filter(([, field]) => waits(field))];
  orders.set(schema, order);
  return order;
}

export class Shapes {
  readonly #symbols = new Map<string, number>();
  readonly #misfit: Misfit;

  constructor(misfit: Misfit) {
    this.#misfit = misfit;
  }

  define(name: string, value: number): void {
    this.#symbols.set(name, value);
  }

  /** The value of an expression; NaN where no view decides one of its symbols. */
  value(text: string): number {
    return evaluate(expression(text), this.#symbols) ?? Number.NaN;
  }

  list(name: string, { items, sums, owns }: ListField, values: readonly Values[]): void {
    const outside = new Set([...this.#symbols.keys(), ...owns]);
    const totals = Object.entries(sums).map(([sum, each]) => ({ sum, each, total: 0 }));
    for (const [i, value] of values.entries()) {
      for (const [field, kind] of entriesOf(items[i] ?? items.at(-1)!))
        if (isOperand(kind)) this.view(`${name}[${i}].${field}`, kind, value[field] as View);
      for (const entry of totals) entry.total += this.value(entry.each);
      for (const symbol of this.#symbols.keys()) if (!outside.has(symbol)) this.#symbols.delete(symbol);
    }
    for (const { sum, total } of totals) this.define(sum, total);
  }

  view(name: string, field: OperandField, view: View | undefined): void {
    if (!view) return;
    const rows = dimension(field.rows);
    const columns = dimension(field.columns);
    const wantedRows = evaluate(rows.size, this.#symbols);
    const wantedColumns = evaluate(columns.size, this.#symbols);
    if (wantedRows === undefined || wantedColumns === undefined) {
      this.#side(name, 'columns', columns, view.columns);
      this.#side(name, 'rows', rows, view.rows);
    } else if (view.rows !== wantedRows || view.columns !== wantedColumns) {
      this.#misfit(`${name} is ${view.rows} x ${view.columns}; expected ${wantedRows} x ${wantedColumns}`);
    }
  }

  #side(name: string, unit: string, { size, divided }: Dimension, actual: number): void {
    const wanted = evaluate(size, this.#symbols);
    if (wanted !== undefined) {
      if (wanted !== actual) this.#misfit(`${name} has ${actual} ${unit}; expected ${wanted}`);
      return;
    }
    if (size.kind === 'symbol') this.define(size.name, actual);
    else
      this.#solve(size, actual, (by) =>
        this.#misfit(`${name} has ${actual} ${unit}, not a multiple of ${by}`),
      );
    const all = divided && evaluate(divided, this.#symbols);
    if (all !== undefined && all % actual !== 0)
      this.#misfit(
        `${name} has ${actual} ${unit}, which does not divide the ${all} ${unit === 'rows' ? 'rows of tokens' : unit}`,
      );
  }

  /** Finds the one symbol of a product that stands for nothing yet. */
  #solve(node: Expression, value: number, indivisible: (by: string) => void): void {
    if (node.kind === 'symbol') this.define(node.name, value);
    if (node.kind !== '*') return;
    const [known, open] =
      evaluate(node.left, this.#symbols) === undefined ? [node.right, node.left] : [node.left, node.right];
    const factor = evaluate(known, this.#symbols);
    if (factor === undefined) return;
    if (value % factor !== 0) indivisible([...symbolsOf(known), factor].join(' '));
    this.#solve(open, Math.floor(value / factor), indivisible);
  }
}

/** Rows or columns of an operand: `M`, or `I|M`, an I that divides M. */
interface Dimension {
  readonly size: Expression;
  readonly divided?: Expression;
}

const dimensions = new Map<string, Dimension>();

function dimension(text: string): Dimension {
  const known = dimensions.get(text);
  if (known) return known;
  const [size, divided] = text.split('|').map(expression) as [Expression, Expression?];
  const made = divided ? { size, divided } : { size };
  dimensions.set(text, made);
  return made;
}
