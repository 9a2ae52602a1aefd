import { ArgumentError, requireInteger, requireOneOf } from '../errors.js';

/**
 * The fields of a scheduler's configuration, typed as they are asked for. One that is absent or null has the default; one
 * of another kind throws an `ArgumentError` that names it.
 */
export class SchedulerFields {
  constructor(
    /** What messages call the configuration. */
    readonly what: string,
    private readonly values: Readonly<Record<string, unknown>>,
  ) {}

  has(name: string): boolean {
    return Object.hasOwn(this.values, name) && this.values[name] !== null && this.values[name] !== undefined;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#value(name, fallback);
    if (typeof value !== 'boolean') throw this.#refusal(name, 'true or false');
    return value;
  }

  /** May be infinite. */
  number(
    name: string,
    fallback: number,
    least = Number.NEGATIVE_INFINITY,
    most = Number.POSITIVE_INFINITY,
  ): number {
    const value = this.#value(name, fallback);
    if (typeof value !== 'number' || !(value >= least && value <= most))
      throw this.#refusal(name, Number.isFinite(least) ? `a number from ${least} to ${most}` : 'a number');
    return value;
  }

  integer(name: string, fallback: number, least: number, most: number): number {
    const value = this.#value(name, fallback);
    requireInteger(this.#path(name), value, least, most);
    return value;
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.#value(name, fallback);
    requireOneOf(this.#path(name), value, choices);
    return value;
  }

  /** A list of two numbers or more, or nothing. */
  numbers(name: string): readonly number[] | undefined {
    if (!this.has(name)) return undefined;
    const value = this.values[name];
    if (!Array.isArray(value) || value.length < 2 || !value.every(Number.isFinite))
      throw this.#refusal(name, 'a list of at least two numbers, or null');
    return value;
  }

  /** Throws when the field asks for something that is not supported. */
  refuse(...names: readonly string[]): void {
    for (const name of names)
      if (this.boolean(name, false)) throw this.#refusal(name, 'false: incache does not support it');
  }

  #value(name: string, fallback: unknown): unknown {
    return this.has(name) ? this.values[name] : fallback;
  }

  #path(name: string): string {
    return `${this.what}.${name}`;
  }

  #refusal(name: string, expected: string): ArgumentError {
    return new ArgumentError(this.#path(name), this.values[name], expected);
  }
}
