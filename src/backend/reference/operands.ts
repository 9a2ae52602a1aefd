/** What kernels of the reference backend are given: the operation, with a matrix in the place of every view. */
import { entriesOf, type Field, isOperand } from '../../plan/fields.js';
import { type Op, type OpName, type OpOf, schemaOf } from '../../plan/schema.js';
import type { View } from '../../plan/types.js';
import type { Matrix } from './matrix.js';

export type Operands<N extends OpName> = Bound<OpOf<N>>;

type Bound<T> = T extends View
  ? Matrix
  : T extends readonly (infer I)[]
    ? readonly Bound<I>[]
    : T extends object
      ? { readonly [K in keyof T]: Bound<T[K]> }
      : T;

type Values = Readonly<Record<string, unknown>>;

/** `at` gives the matrix behind a view. */
export function bind(op: Op, at: (view: View) => Matrix): unknown {
  return bindFields(schemaOf(op.op).fields, op as unknown as Values, at);
}

function bindFields(
  fields: Readonly<Record<string, Field>>,
  values: Values,
  at: (view: View) => Matrix,
): unknown {
  const bound: Record<string, unknown> = { ...values };
  for (const [name, field] of entriesOf(fields)) {
    const value = values[name];
    if (value === undefined) continue;
    if (isOperand(field)) bound[name] = at(value as View);
    else if (field.kind === 'list')
      bound[name] = (value as readonly Values[]).map((item, i) =>
        bindFields(field.items[i] ?? field.items.at(-1)!, item, at),
      );
  }
  return bound;
}
