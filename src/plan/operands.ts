/** Which views an operation reads and writes: what validation, liveness, cost and dead-code elimination share. */
import { entriesOf, type Field, isOperand, type OperandField } from './fields.js';
import { type Op, schemaOf } from './schema.js';
import type { View } from './types.js';

export interface Operand {
  /** The field of the operation, as in `x` or `factors[1].up`. */
  readonly name: string;
  readonly view: View;
  /** What the schema says of it. */
  readonly field: OperandField;
}

export interface Operands {
  readonly reads: readonly Operand[];
  readonly writes: readonly Operand[];
}

/** The operands of `op`, in the order of its fields. */
export function operandsOf(op: Op): Operands {
  const operands: Record<'read' | 'write', Operand[]> = { read: [], write: [] };
  collect(schemaOf(op.op).fields, op as unknown as Values, '', operands);
  return { reads: operands.read, writes: operands.write };
}

/** The operation with what `f` makes of each view in its place. */
export function mapViews<T>(op: Op, f: (view: View, field: OperandField) => T): unknown {
  return mapFields(schemaOf(op.op).fields, op as unknown as Values, f);
}

function mapFields<T>(
  fields: Readonly<Record<string, Field>>,
  values: Values,
  f: (view: View, field: OperandField) => T,
): Values {
  const mapped: Record<string, unknown> = { ...values };
  for (const [name, field] of entriesOf(fields)) {
    const value = values[name];
    if (value === undefined) continue;
    if (isOperand(field)) mapped[name] = f(value as View, field);
    else if (field.kind === 'list')
      mapped[name] = (value as readonly Values[]).map((item, i) =>
        mapFields(field.items[i] ?? field.items.at(-1)!, item, f),
      );
  }
  return mapped;
}

type Values = Readonly<Record<string, unknown>>;

function collect(
  fields: ReturnType<typeof schemaOf>['fields'],
  values: Values,
  prefix: string,
  operands: Record<'read' | 'write', Operand[]>,
): void {
  for (const [name, field] of entriesOf(fields)) {
    const value = values[name];
    if (value === undefined) continue;
    if (isOperand(field)) operands[field.kind].push({ name: prefix + name, view: value as View, field });
    else if (field.kind === 'list')
      for (const [i, item] of (value as readonly Values[]).entries())
        collect(field.items[i] ?? field.items.at(-1)!, item, `${prefix}${name}[${i}].`, operands);
  }
}
