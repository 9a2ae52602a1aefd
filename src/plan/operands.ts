/** Which views an operation reads and writes: what validation, liveness, cost and dead-code elimination share. */
import { entriesOf, isOperand, type OperandField } from './fields.js';
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
