/** Reads what a config.json says that another program wrote. Every message starts with its path and names the field. */
import { FormatError } from '../errors.js';

export type Fields = Readonly<Record<string, unknown>>;

/** Above any model's sizes, and small enough that no product of a few overflows. */
export const MOST_COUNT = 2 ** 20;
export const MOST_LAYERS = 10_000;

/** Throws a `FormatError` for a field that is not what the method asks for. */
export class ConfigFields {
  readonly fields: Fields;
  readonly #path: string;

  /** `defaults`: those of the class that wrote the file, for what it leaves out. */
  constructor(path: string, file: Fields, defaults: Fields) {
    this.#path = path;
    this.fields = { ...defaults, ...file };
  }

  refuse(field: string, expected: string): never {
    throw new FormatError(
      `${this.#path}: ${field} is ${JSON.stringify(this.fields[field])}; expected ${expected}`,
    );
  }

  oneOf<T extends string>(field: string, values: readonly T[]): T {
    const value = this.fields[field];
    return values.includes(value as T)
      ? (value as T)
      : this.refuse(field, values.map((each) => `'${each}'`).join(' or '));
  }

  isNull(field: string): void {
    if ((this.fields[field] ?? null) !== null) this.refuse(field, 'null: other values are not supported');
  }

  count(field: string, most = MOST_COUNT): number {
    const value = this.fields[field];
    return isCount(value, most) ? value : this.refuse(field, `a whole number from 1 to ${most}`);
  }

  /** From one to `longest` of them. */
  counts(field: string, longest: number): number[] {
    const value = this.fields[field];
    const fits = Array.isArray(value) && value.length >= 1 && value.length <= longest;
    if (fits && value.every((each) => isCount(each, MOST_COUNT))) return value;
    return this.refuse(field, `1 to ${longest} positive integers`);
  }

  positive(field: string): number {
    const value = this.fields[field];
    return isPositive(value) ? value : this.refuse(field, 'a positive number');
  }

  numberOrNull(field: string): number | null {
    const value = this.fields[field];
    return value === null || Number.isFinite(value)
      ? (value as number | null)
      : this.refuse(field, 'a number or null');
  }

  flag(field: string): boolean {
    const value = this.fields[field];
    return typeof value === 'boolean' ? value : this.refuse(field, 'true or false');
  }
}

export function isPositive(value: unknown): value is number {
  return Number.isFinite(value) && (value as number) > 0;
}

function isCount(value: unknown, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
}
