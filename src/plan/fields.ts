/** What a field of an operation can be, and the TypeScript type that follows from it. */
import type { View } from './types.js';

/**
 * Which elements an operand may have: `float` (f32, bf16, f16), `rows` (those and e4m3, by whole rows) or `integer` (i32).
 */
export type OperandTypes = 'float' | 'rows' | 'integer';

export interface OperandOptions {
  readonly optional?: true;
  /** Given where this attribute has one of these values, and nowhere else. */
  readonly when?: readonly [attribute: string, ...values: string[]];
  /** Default `float`. */
  readonly types?: OperandTypes;
  /** Its buffer must be of role `weight`. */
  readonly weight?: true;
  /** `out` may be exactly this operand: each element is read before it is written. */
  readonly inPlace?: true;
  /** Rows that divide those of the operation: they begin again after the last. Without, each is the row of an image. */
  readonly periodic?: true;
  /** Rows that move, where these are not all. */
  readonly moved?: string;
}

/** A view. Its rows and columns are expressions (`shapes.ts`) that all operands of the operation must satisfy together. */
export interface OperandField extends OperandOptions {
  readonly kind: 'read' | 'write';
  readonly rows: string;
  readonly columns: string;
}

export type AttributeField =
  | { readonly kind: 'integer'; readonly least: number; readonly most: number }
  | { readonly kind: 'number'; readonly positive: boolean }
  | {
      readonly kind: 'choice';
      readonly choices: readonly (string | number)[];
      /** Where it is not given it is the first of the choices. */
      readonly optional?: true;
    };

export interface ListField {
  readonly kind: 'list';
  readonly least: number;
  readonly most: number;
  /** The fields of every item, or of the first, the second and so on. */
  readonly items: readonly Readonly<Record<string, OperandField | AttributeField>>[];
  /** Symbols that are the sum of an expression over all items. Symbols that an item finds are its own, unless `owns` has them. */
  readonly sums: Readonly<Record<string, string>>;
  /** Symbols that this list decides: operands that use them, or the sums, are held against it, not it against them. */
  readonly owns: readonly string[];
}

export type Field = OperandField | AttributeField | ListField;

export function isOperand(field: Field): field is OperandField {
  return field.kind === 'read' || field.kind === 'write';
}

const listed = new WeakMap<object, readonly (readonly [string, Field])[]>();

/** The fields with their names. Plans have many operations, which share few lists of fields: each is made once. */
export function entriesOf(fields: Readonly<Record<string, Field>>): readonly (readonly [string, Field])[] {
  const known = listed.get(fields);
  if (known) return known;
  const entries = Object.entries(fields);
  listed.set(fields, entries);
  return entries;
}

export function isOptional(field: Field): boolean {
  if (isOperand(field)) return (field.optional ?? field.when) !== undefined;
  return field.kind === 'choice' && field.optional === true;
}

/** One kind of operation. */
export interface OpSchema {
  /** What it computes, for docs/plans.md. */
  readonly meaning: string;
  /** In the order in which operands are told; reads come before writes. */
  readonly fields: Readonly<Record<string, Field>>;
  /** Names of optional operands of which exactly one is given. */
  readonly exactlyOne?: readonly string[];
  /** Attributes that must divide others. */
  readonly divides?: Readonly<Record<string, readonly string[]>>;
  /** Symbols that follow from attributes. */
  readonly symbols?: Readonly<Record<string, string>>;
  /** The symbol that counts its independent pieces, where views may have batches: rows, images, or blocks of rows. */
  readonly parts?: string;
  /** Multiply-accumulates of matrix products. */
  readonly macs: string;
}

export function read<const O extends OperandOptions>(rows: string, columns: string, options?: O) {
  return { kind: 'read', rows, columns, ...(options as O) } as const;
}

export function write<const O extends OperandOptions>(rows: string, columns: string, options?: O) {
  return { kind: 'write', rows, columns, ...(options as O) } as const;
}

/** A constant of the model, in the form that the device's products take. */
export function weight<const O extends OperandOptions>(rows: string, columns: string, options?: O) {
  return { ...read(rows, columns, options), weight: true } as const;
}

/** The most that a size, a place or a count may be: products of two are exact, in a double and in 64 bits. */
export const MOST = 2 ** 30;

export const count = { kind: 'integer', least: 1, most: MOST } as const;

export function integer(least: number, most: number) {
  return { kind: 'integer', least, most } as const;
}

export const positive = { kind: 'number', positive: true } as const;
export const finite = { kind: 'number', positive: false } as const;

export function choice<const C extends readonly (string | number)[]>(...choices: C) {
  return { kind: 'choice', choices } as const;
}

/** A choice by name that plans may leave out: it is then the first. */
export function defaultChoice<const C extends readonly string[]>(...choices: C) {
  return { ...choice(...choices), optional: true } as const;
}

export function list<const I extends ListField['items']>(
  [least, most]: readonly [number, number],
  items: I,
  { sums = {}, owns = [] }: Partial<Pick<ListField, 'sums' | 'owns'>> = {},
) {
  return { kind: 'list', least, most, items, sums, owns } as const;
}

type ValueOf<F> = F extends { kind: 'read' | 'write' }
  ? View
  : F extends { kind: 'integer' | 'number' }
    ? number
    : F extends { kind: 'choice'; choices: readonly (infer C)[] }
      ? C
      : F extends { kind: 'list'; items: readonly (infer I)[] }
        ? readonly FieldsOf<I>[]
        : never;

type OptionalKeys<R> = {
  [K in keyof R]: R[K] extends { optional: true } | { when: unknown } ? K : never;
}[keyof R];

/** The type of an object with these fields. */
export type FieldsOf<R> = { readonly [K in Exclude<keyof R, OptionalKeys<R>>]: ValueOf<R[K]> } & {
  readonly [K in OptionalKeys<R>]?: ValueOf<R[K]>;
};
